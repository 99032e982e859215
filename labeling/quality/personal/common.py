"""Personal data that is written alike everywhere: cards, accounts, addresses of people and machines, passports."""

from __future__ import annotations

import ipaddress
import re

from labeling.quality.personal.checksums import bare, luhn, mod_97, mrz_digit
from labeling.quality.personal.port import END, START, Rule, words, written

# Length of an account number by country. Source: SWIFT IBAN Registry, release 99.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip
# First digits and lengths of cards. Source: ISO/IEC 7812 ranges as the networks publish them.
CARDS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
# Nobody's addresses. Source: RFC 2606 and RFC 6761.
RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|local)$")
FILES = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|css|js|py|html?|pdf)$")
# 1.2.3.4 behind one of these is a version.
VERSION = r"(?<!version )(?<!Version )(?<!release )(?<!Release )(?<!build )(?<!v)(?<!v\.)(?<!ver )(?<!ver\. )"


def _card(text: str) -> bool:
    digits = bare(text)
    return bool(CARDS.fullmatch(digits)) and len(set(digits)) > 1 and luhn(digits)


def _iban(text: str) -> bool:
    number = bare(text)
    return IBAN_LENGTHS.get(number[:2]) == len(number) and mod_97(number[4:] + number[:4]) == 1


def _email(text: str) -> bool:
    domain = text.rpartition("@")[2].lower()
    return not RESERVED.search(domain) and not FILES.search(domain) and ".." not in text


def _public_address(text: str) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    return found.is_global


def _mac(text: str) -> bool:
    return len(set(bare(text))) > 1


def _passport(line: str) -> bool:
    """The second line of a passport's machine-readable zone. Source: ICAO 9303-4."""
    fields = (line[:9], line[9]), (line[13:19], line[19]), (line[21:27], line[27])
    whole = line[:10] + line[13:20] + line[21:43]
    return all(str(mrz_digit(field)) == check for field, check in fields) and str(mrz_digit(whole)) == line[43]


RULES = (
    Rule(kind="iban", label="IBAN", is_valid=_iban,
         pattern=written(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?")),
    Rule(kind="passport", label="passport (machine-readable line)", is_valid=_passport,
         pattern=re.compile(r"(?<![\w<])[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[\d<]\d(?![\w<])")),
    Rule(kind="imei", label="phone's serial number (IMEI)", pattern=written(r"\d{2}-?\d{6}-?\d{6}-?\d"),
         is_valid=lambda text: luhn(bare(text)), near=words(r"imei")),
    Rule(kind="payment_card", label="payment card", pattern=written(r"\d(?:[ -]?\d){12,18}"), is_valid=_card),
    Rule(kind="email", label="e-mail address", is_valid=_email,
         pattern=re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}"
                            r"[A-Za-z]{2,24}(?![\w-])")),
    Rule(kind="ipv4", label="IP address", is_valid=_public_address,
         pattern=re.compile(rf"{START}{VERSION}(?:\d{{1,3}}\.){{3}}\d{{1,3}}{END}")),
    Rule(kind="ipv6", label="IP address (version 6)", is_valid=_public_address,
         pattern=re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{4,39}(?![\w:])")),
    Rule(kind="mac", label="hardware address (MAC)", is_valid=_mac,
         pattern=re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])")),
)  # fmt: skip
