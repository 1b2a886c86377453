"""Whose images can be served: what the engine has to know of a model's family."""

from mlx import nn

from ..wire.errors import ModelSettingsError


def not_served(model: nn.Module, reason: str) -> ModelSettingsError:
    """The error for a model whose images come in a way that the engine does not know."""
    return ModelSettingsError(
        f"Images of this model's family ({model.config.model_type}) are not served yet: {reason}."
    )


def refuse_unserved(model: nn.Module) -> None:
    """Raise ModelSettingsError for a model that looks at all of an image at once, which no chunk of a prompt has."""
    language = model.language_model
    configs = (getattr(each, "config", None) for each in (model, language))
    if any(getattr(each, "no_chunked_prefill", False) for each in (model, language)) or any(
        getattr(config, "use_bidirectional_attention", None) for config in configs
    ):
        raise not_served(model, "it reads the tokens of an image in both directions")


def image_token(model: nn.Module) -> int:
    """The token that stands for images. Raises ModelSettingsError for a family that has none."""
    for name in ("image_token_id", "image_token_index"):
        token = getattr(model.config, name, None)
        if isinstance(token, int):
            return token
    raise not_served(model, "no token stands for them")
