"""How is a browser named, so that its owner knows it again?"""

import ipaddress
from dataclasses import dataclass

# The first that stands in the user agent is meant: most browsers also name those they resemble.
BROWSERS = (
    ("MicroMessenger/", "WeChat"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("QQBrowser/", "QQ Browser"),
    ("UCBrowser/", "UC Browser"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True)
class Device:
    """Names of a browser and of the system below it; '' where they are not known."""

    browser: str
    system: str


def device_of(user_agent: str) -> Device:
    """Name browser and system from what the browser says of itself."""
    return Device(_first(BROWSERS, user_agent), _first(SYSTEMS, user_agent))


def masked_network(network: str) -> str:
    """Write a network as people see addresses: 192.0.2.* or 2001:db8:0:1:*; else as it is."""
    try:
        known = ipaddress.ip_network(network)
    except ValueError:
        return network
    if known.version == 4:
        return f"{str(known.network_address).rpartition('.')[0]}.*"
    groups = known.network_address.exploded.split(":")[:4]
    return f"{':'.join(f'{int(group, 16):x}' for group in groups)}:*"


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for sign, name in names if sign in user_agent), "")
