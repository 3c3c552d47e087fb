"""Can each payment gateway do its work with the settings that it has?"""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

NEEDED = {
    "alipay": (
        "ALIPAY_APP_ID",
        "ALIPAY_SELLER_ID",
        "ALIPAY_PRIVATE_KEY",
        "ALIPAY_PUBLIC_KEY",
    ),
    "wechatpay": (
        "WECHATPAY_MCHID",
        "WECHATPAY_APPID",
        "WECHATPAY_CERT_SERIAL",
        "WECHATPAY_PRIVATE_KEY",
        "WECHATPAY_APIV3_KEY",
        "WECHATPAY_PUBLIC_KEY_ID",
        "WECHATPAY_PUBLIC_KEY",
    ),
}


def check_gateways(**_options: object) -> list[checks.CheckMessage]:
    """Check that each gateway has all its keys or none, and can be made of them."""
    return [*_half_set_up(), *_broken()]


def _half_set_up() -> Iterator[checks.CheckMessage]:
    for code, names in NEEDED.items():
        missing = [name for name in names if not getattr(settings, name)]
        if missing and len(missing) < len(names):
            yield checks.Error(f"{code}: {', '.join(missing)} not set.", id="billing.E001")


def _broken() -> Iterator[checks.CheckMessage]:
    for code in NEEDED.keys() & settings.PAYMENT_GATEWAYS.keys():
        try:
            import_string(settings.PAYMENT_GATEWAYS[code])()
        except Exception as wrong:  # a library raises nothing narrower; its words may hold a key
            yield checks.Error(
                f"{code} cannot be set up: {type(wrong).__name__}.",
                hint="Are the keys PEM, and requirements-gateways.txt installed?",
                id="billing.E002",
            )
