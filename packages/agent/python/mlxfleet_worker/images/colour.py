"""Colours of other spaces in sRGB, which models are trained on."""

import io

from PIL import Image, ImageCms

from .limits import MAX_PROFILE_BYTES

SRGB = ImageCms.createProfile("sRGB")


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image, of mode L, RGB or CMYK, as RGB by its ICC profile.

    Photos of phones are in Display P3, where sRGB's green is (117, 251, 76); print is in CMYK of a paper and an ink. A
    profile that is damaged, too large or of other pixels is ignored. Done after the image is made smaller, since a
    million pixels take 20 ms.
    """
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            # Most profiles are sRGB, and a conversion would do no more than round.
            if "srgb" not in ImageCms.getProfileDescription(source).lower():
                converted = ImageCms.profileToProfile(
                    image, source, SRGB, ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB"
                )
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass
    return image.convert("RGB")
