"""Numbers by which states know people. Where a number is digits alone, a word that names it must stand near.

Each check is after the public description of its office; the names of the offices' numbers are the labels.
"""

from __future__ import annotations

from collections import Counter

from labeling.quality.personal.checksums import (
    bare,
    ean_13,
    is_date,
    is_short_date,
    luhn,
    mod_11_10,
    verhoeff,
    weighted,
)
from labeling.quality.personal.port import Rule, words, written

DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"
CURP_SIGNS = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
# Italian odd places: what 0–9 and A–Z count. Source: Decreto ministeriale 23 December 1976.
ITALIAN_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
ITALIAN_ODD_LETTERS = (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
)  # fmt: skip


def _ssn(text: str) -> bool:
    area, group, serial = text[:3], text[4:6], text[7:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def _itin(text: str) -> bool:
    group = int(text[4:6])
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def _nino(text: str) -> bool:
    return bare(text)[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _nhs(text: str) -> bool:
    digits = bare(text)
    check = 11 - weighted(digits, range(10, 1, -1)) % 11
    return check % 11 == int(digits[9]) if check != 10 else False


def _steuer_id(text: str) -> bool:
    """Of the first ten digits one comes twice or three times, and no other comes again."""
    digits = bare(text)
    repeated = [count for count in Counter(digits[:10]).values() if count > 1]
    return digits[0] != "0" and len(repeated) == 1 and repeated[0] in (2, 3) and mod_11_10(digits)


def _nir(text: str) -> bool:
    number = bare(text)
    digits = number[:13].replace("2A", "19").replace("2B", "18")
    return digits.isdigit() and 97 - int(digits) % 97 == int(number[13:])


def _bsn(text: str) -> bool:
    digits = bare(text)
    return int(digits) > 0 and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _dni(text: str) -> bool:
    number = bare(text)
    return DNI_LETTERS[int(number[:8]) % 23] == number[8]


def _nie(text: str) -> bool:
    number = bare(text)
    return DNI_LETTERS[int(str("XYZ".index(number[0])) + number[1:8]) % 23] == number[8]


def _codice_fiscale(text: str) -> bool:
    total = 0
    for place, sign in enumerate(text[:15].upper()):
        value = int(sign) if sign.isdigit() else ord(sign) - ord("A")
        if place % 2:
            total += value
        else:
            total += (ITALIAN_ODD if sign.isdigit() else ITALIAN_ODD_LETTERS)[value]
    return chr(ord("A") + total % 26) == text[15].upper()


def _pesel(text: str) -> bool:
    month, day = int(text[2:4]), int(text[4:6])
    century = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[month // 20]
    is_right = (weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) + int(text[10])) % 10 == 0
    return is_right and is_date(century + int(text[:2]), month % 20, day)


def _rijksregister(text: str) -> bool:
    digits = bare(text)
    first, check = digits[:9], int(digits[9:])
    return check in {97 - int(first) % 97, 97 - int("2" + first) % 97}


def _personnummer(text: str) -> bool:
    digits = bare(text)[-10:]
    return is_short_date(digits[4:6], digits[2:4], digits[:2]) and luhn(digits)


def _henkilotunnus(text: str) -> bool:
    is_right = FINNISH[int(text[:6] + text[7:10]) % 31] == text[10]
    return is_right and is_short_date(text[:2], text[2:4], text[4:6])


def _cpr(text: str) -> bool:
    return is_short_date(text[:2], text[2:4], text[4:6])


def _fodselsnummer(text: str) -> bool:
    digits = bare(text)
    first = 11 - weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = 11 - weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    checks = f"{first % 11}{second % 11}"
    return digits[9:] == checks and is_short_date(digits[:2], digits[2:4], digits[4:6])


def _nif(text: str) -> bool:
    digits = bare(text)
    check = 11 - weighted(digits, range(9, 1, -1)) % 11
    return digits[0] in "1235689" and (0 if check >= 10 else check) == int(digits[8])


def _svnr(text: str) -> bool:
    digits = bare(text)
    return weighted(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(digits[3])


def _pps(text: str) -> bool:
    number = bare(text)
    second = number[8:]
    extra = 9 * (ord(second) - 64) if second and second != "W" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(number, range(8, 1, -1)) + extra) % 23] == number[7]


def _cpf(text: str) -> bool:
    digits = bare(text)
    first = weighted(digits, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(digits, range(11, 1, -1)) * 10 % 11 % 10
    return len(set(digits)) > 1 and digits[9:] == f"{first}{second}"


def _sin(text: str) -> bool:
    digits = bare(text)
    return digits[0] not in "08" and luhn(digits)


def _tfn(text: str) -> bool:
    return weighted(bare(text), (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _nric(text: str) -> bool:
    total = weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if text[0] in "TG" else 0)
    return ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[total % 11] == text[8]


def _south_african(text: str) -> bool:
    digits = bare(text)
    return is_short_date(digits[4:6], digits[2:4], digits[:2]) and luhn(digits)


def _curp(text: str) -> bool:
    total = sum(CURP_SIGNS.index(sign) * (18 - place) for place, sign in enumerate(text[:17]))
    return str((10 - total % 10) % 10) == text[17] and is_short_date(text[8:10], text[6:8], text[4:6])


def _rrn(text: str) -> bool:
    digits = bare(text)
    check = (11 - weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return check == int(digits[12]) and is_short_date(digits[4:6], digits[2:4], digits[:2])


def _resident_id(text: str) -> bool:
    total = weighted(text, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    is_right = "10X98765432"[total % 11] == text[17].upper()
    return is_right and is_date(int(text[6:10]), int(text[10:12]), int(text[12:14]))


RULES = (
    Rule(kind="us_ssn", label="US social security number", pattern=written(r"\d{3}-\d{2}-\d{4}"), is_valid=_ssn),
    Rule(kind="us_itin", label="US taxpayer number (ITIN)", pattern=written(r"9\d{2}-\d{2}-\d{4}"), is_valid=_itin),
    Rule(kind="uk_nino", label="UK national insurance number", is_valid=_nino,
         pattern=written(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]")),
    Rule(kind="uk_nhs", label="UK NHS number", pattern=written(r"\d{3}[ -]?\d{3}[ -]?\d{4}"), is_valid=_nhs,
         near=words(r"NHS")),
    Rule(kind="de_tax_id", label="German tax id", pattern=written(r"\d{2} ?\d{3} ?\d{3} ?\d{3}"), is_valid=_steuer_id,
         near=words(r"steuer\w*|tax id\w*|id-?nr\.?|tin")),
    Rule(kind="fr_nir", label="French social security number (INSEE)", is_valid=_nir,
         pattern=written(r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}")),
    Rule(kind="nl_bsn", label="Dutch citizen service number (BSN)", pattern=written(r"\d{4}[ .]?\d{2}[ .]?\d{3}|\d{9}"),
         is_valid=_bsn, near=words(r"bsn|burgerservicenummer|sofi\w*")),
    Rule(kind="es_dni", label="Spanish identity number (DNI)", pattern=written(r"\d{8}[ -]?[A-Z]"), is_valid=_dni),
    Rule(kind="es_nie", label="Spanish foreigner number (NIE)", pattern=written(r"[XYZ][ -]?\d{7}[ -]?[A-Z]"),
         is_valid=_nie),
    Rule(kind="it_codice_fiscale", label="Italian tax code", is_valid=_codice_fiscale,
         pattern=written(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", any_case=True)),
    Rule(kind="pl_pesel", label="Polish PESEL", pattern=written(r"\d{11}"), is_valid=_pesel, near=words(r"pesel")),
    Rule(kind="be_national", label="Belgian national number", is_valid=_rijksregister,
         pattern=written(r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}")),
    Rule(kind="se_personnummer", label="Swedish personal number", is_valid=_personnummer,
         pattern=written(r"(?:19|20)?\d{6}[-+]\d{4}")),
    Rule(kind="fi_henkilotunnus", label="Finnish personal code", is_valid=_henkilotunnus,
         pattern=written(r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]")),
    Rule(kind="dk_cpr", label="Danish CPR number", pattern=written(r"\d{6}-?\d{4}"), is_valid=_cpr,
         near=words(r"cpr(?:[- ]?n\w+\.?)?")),
    Rule(kind="no_fodselsnummer", label="Norwegian birth number", pattern=written(r"\d{6} ?\d{5}"),
         is_valid=_fodselsnummer, near=words(r"f[øo]dselsn\w+|fnr\.?|personnummer|birth number")),
    Rule(kind="pt_nif", label="Portuguese tax number (NIF)", pattern=written(r"\d{3} ?\d{3} ?\d{3}"), is_valid=_nif,
         near=words(r"nif|contribuinte")),
    Rule(kind="at_svnr", label="Austrian insurance number", pattern=written(r"\d{4} ?\d{6}"), is_valid=_svnr,
         near=words(r"svnr\.?|sv-nummer|sozialversicherungsn\w+")),
    Rule(kind="ie_pps", label="Irish PPS number", pattern=written(r"\d{7}[A-W][A-IW]?"), is_valid=_pps,
         near=words(r"ppsn?(?: n\w+\.?)?")),
    Rule(kind="ch_ahv", label="Swiss AHV number", pattern=written(r"756\.?\d{4}\.?\d{4}\.?\d{2}"),
         is_valid=lambda text: ean_13(bare(text))),
    Rule(kind="br_cpf", label="Brazilian CPF", pattern=written(r"\d{3}\.\d{3}\.\d{3}-\d{2}"), is_valid=_cpf),
    Rule(kind="in_aadhaar", label="Indian Aadhaar number", pattern=written(r"(?<!\d )[2-9]\d{3} \d{4} \d{4}(?! \d)"),
         is_valid=lambda text: verhoeff(bare(text))),
    Rule(kind="in_pan", label="Indian PAN", pattern=written(r"[A-Z]{3}P[A-Z]\d{4}[A-Z]"), near=words(r"pan")),
    Rule(kind="ca_sin", label="Canadian social insurance number", pattern=written(r"\d{3}[ -]\d{3}[ -]\d{3}"),
         is_valid=_sin, near=words(r"sin|social insurance(?: n\w+)?|nas")),
    Rule(kind="au_tfn", label="Australian tax file number", pattern=written(r"\d{3} ?\d{3} ?\d{3}"), is_valid=_tfn,
         near=words(r"tfn|tax file(?: n\w+)?")),
    Rule(kind="sg_nric", label="Singaporean NRIC", pattern=written(r"[STFG]\d{7}[A-Z]"), is_valid=_nric),
    Rule(kind="za_id", label="South African identity number", pattern=written(r"\d{6} ?\d{4} ?\d{2} ?\d|\d{13}"),
         is_valid=_south_african, near=words(r"id(?: ?n\w+\.?)?|identity(?: n\w+)?")),
    Rule(kind="mx_curp", label="Mexican CURP", is_valid=_curp,
         pattern=written(r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z]\d")),
    Rule(kind="kr_rrn", label="Korean resident number", pattern=written(r"\d{6}-[1-8]\d{6}"), is_valid=_rrn),
    Rule(kind="cn_resident_id", label="Chinese resident number", pattern=written(r"[1-9]\d{16}[\dXx]"),
         is_valid=_resident_id),
)  # fmt: skip


