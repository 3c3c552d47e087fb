"""When are phones, names and identity numbers well formed, and how are they written and masked?"""

import re
import unicodedata
from datetime import date

import phonenumbers
from stdnum.cn import ric

SHORTEST_PHONE = 6  # digits after the country code; less is a hotline, which nobody signs in with


def normalised_phone(text: str) -> str:
    """Write a phone number in E.164; a number without country code is Chinese.

    Raises: ValueError for what cannot be a phone number.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    try:
        number = phonenumbers.parse(re.sub(r"^00", "+", plain), "CN")
    except phonenumbers.NumberParseException as wrong:
        raise ValueError("not a phone number") from wrong
    is_short = len(str(number.national_number)) < SHORTEST_PHONE
    if is_short or not phonenumbers.is_possible_number(number):
        raise ValueError("not a phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def last_four(text: str) -> str:
    """Tell the last four digits of a phone number."""
    return re.sub(r"\D", "", unicodedata.normalize("NFKC", text))[-4:]


def masked_phone(phone: str) -> str:
    """Show 138****0003; other countries keep two digits at each end."""
    if re.fullmatch(r"\+86\d{11}", phone):
        return f"{phone[3:6]}****{phone[-4:]}"
    return f"{phone[:3]}****{phone[-2:]}"


def masked_email(address: str) -> str:
    """Show a***@example.org."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def masked_recipient(recipient: str) -> str:
    """Mask a phone number or an e-mail address."""
    return masked_email(recipient) if "@" in recipient else masked_phone(recipient)


def normalised_name(text: str) -> str:
    """Write a name so that equal names compare equal, whatever the spelling of dots and widths."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    return re.sub(r"\s+", " ", re.sub(r"[•・‧]", "·", plain)).strip().casefold()


def masked_name(name: str) -> str:
    """Show 张* for 张三 and A. for Alice Smith."""
    first = name.strip()[:1]
    return f"{first}." if first.isascii() else f"{first}*"


def compact_document(text: str) -> str:
    """Write a document's number in capitals without spaces and hyphens, whatever its kind."""
    return re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", text)).upper()


def normalised_resident_id(text: str) -> str:
    """Write a Chinese resident identity number with 18 characters, the last in upper case.

    Upgrades numbers of 15 digits. Source: GB 11643-1999.
    Raises: ValueError for a wrong length, check digit, birth date or place code.
    """
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()
    if re.fullmatch(r"[0-9]{15}", plain):
        plain = plain[:6] + "19" + plain[6:]
        plain += ric.calc_check_digit(plain + "0")  # it passes over the last place
    if not re.fullmatch(r"[0-9]{17}[0-9X]", plain) or not ric.is_valid(plain):
        raise ValueError("not a resident identity number")
    return plain


def birth_date_of(resident_id: str) -> date:
    """Tell the birth date that a normalised resident identity number holds."""
    return date(int(resident_id[6:10]), int(resident_id[10:12]), int(resident_id[12:14]))


def sex_of(resident_id: str) -> str:
    """Tell the sex that a normalised resident identity number holds."""
    return "male" if int(resident_id[16]) % 2 else "female"


def masked_identity(number: str) -> str:
    """Show the first and the last two characters of a document number."""
    return f"{number[:2]}{'*' * max(len(number) - 4, 1)}{number[-2:]}"
