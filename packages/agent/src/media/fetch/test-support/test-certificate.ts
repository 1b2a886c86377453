/**
 * A certificate for `pictures.example` and 93.184.216.36 that signs itself, valid from 2020 to 2120, made with
 * `openssl ca -selfsign`. Its key protects nothing: no program but these tests trusts it.
 */
export const TEST_CERTIFICATE = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMaQIFmQrRgRxBpVN
24sk27yofbUDJlLKHw8wQU8SnOyhRANCAATNrg8ic/N5GLncCF24xl3hPMWhaHSs
/prjvdjJXPXRnbKWgvd+wRtytorpnfzOzMZHbVmTqvEWT/h5a5sDS3Yt
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBfTCCASKgAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBwaWN0dXJl
cy5leGFtcGxlMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAbMRkw
FwYDVQQDDBBwaWN0dXJlcy5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEza4PInPzeRi53AhduMZd4TzFoWh0rP6a473YyVz10Z2yloL3fsEbcraK6Z38
zszGR21Zk6rxFk/4eWubA0t2LaNVMFMwIQYDVR0RBBowGIIQcGljdHVyZXMuZXhh
bXBsZYcEXbjYJDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTaY3Fqx+QQBz5v
bNyG9oOi+wsCgjAKBggqhkjOPQQDAgNJADBGAiEAsyhurCbd7/8dCLNf0BSTX4ze
MXXLLi2DKI073X3iuWECIQDYYbCR/7t36yxRCA1cBc2PK9a5D2ZuJWjPAgPtwZa9
BQ==
-----END CERTIFICATE-----`,
};
