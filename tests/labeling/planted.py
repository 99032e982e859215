"""Personal data, secrets and duplicates to plant, and look-alikes that are none.

Numbers are specimens: those that offices and standards print as examples, or made up with right check digits.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

# Kind → texts in which exactly this kind stands.
PERSONAL: dict[str, tuple[str, ...]] = {
    "payment_card": ("card 4111 1111 1111 1111", "paid with 5555555555554444.", "amex 3782-822463-10005"),
    "iban": ("IBAN DE89 3704 0044 0532 0130 00", "to GB82WEST12345698765432.", "FR14 2004 1010 0505 0001 3M02 606"),
    "email": ("write to jane.doe@acme-mail.io", "<J.O'Neil+x@uni-jena.de>"),
    "phone": ("+49 30 901820", "phone: (212) 555-0123", "Tel. 030 901820", "call me at 020 7946 0958"),
    "ipv4": ("logged in from 81.2.69.142", "host 203.0.114.9:443"),
    "ipv6": ("seen at 2a00:1450:4001:81b::200e",),
    "mac": ("device 3c:22:fb:9a:10:4e", "3C-22-FB-9A-10-4E"),
    "imei": ("IMEI 490154203237518", "IMEI: 35-209900-176148-1"),
    "passport": ("L898902C36UTO7408122F1204159ZE184226B<<<<<10",),
    "date_of_birth": ("born 12 March 1980", "DOB: 1980-03-12", "Mrs Jane Doe (12.03.1980)", "geb. 1.2.1975"),
    "us_ssn": ("SSN 536-22-8726", "(536-22-8726)"),
    "us_itin": ("ITIN 912-70-1234",),
    "uk_nino": ("NINO AB123456C", "AB 12 34 56 C"),
    "uk_nhs": ("NHS number 943 476 5919", "NHS 9434765919"),
    "de_tax_id": ("Steuer-ID 86 095 742 719", "tax id 47036892816"),
    "fr_nir": ("NIR 2 55 08 14 168 025 38", "255081416802538"),
    "nl_bsn": ("BSN 111222333", "burgerservicenummer 1234.56.782"),
    "es_dni": ("DNI 12345678Z", "12345678-Z"),
    "es_nie": ("NIE X1234567L", "X-1234567-L"),
    "it_codice_fiscale": ("RSSMRA85T10A562S", "codice mrtmtt25d09f205z"),
    "pl_pesel": ("PESEL 44051401359", "pesel: 02070803628"),
    "be_national": ("85.07.30-033.28",),
    "se_personnummer": ("811228-9874", "19670919-9530"),
    "fi_henkilotunnus": ("131052-308T",),
    "dk_cpr": ("CPR 211062-5629", "CPR-nr. 2110625629"),
    "no_fodselsnummer": ("fødselsnummer 15076500565",),
    "pt_nif": ("NIF 123 456 789", "contribuinte 123456789"),
    "at_svnr": ("SVNR 1237 010180",),
    "ie_pps": ("PPS 1234567T", "PPSN 1234567FA"),
    "ch_ahv": ("756.9217.0769.85",),
    "br_cpf": ("529.982.247-25", "CPF 111.444.777-35"),
    "in_aadhaar": ("9999 4105 7058",),
    "in_pan": ("PAN ABCPE1234F",),
    "ca_sin": ("SIN 130 692 544", "social insurance number 130-692-544"),
    "au_tfn": ("TFN 123 456 782", "tax file number 123456782"),
    "sg_nric": ("S1234567D",),
    "za_id": ("ID number 8001015009087",),
    "mx_curp": ("HEGG560427MVZRRL04",),
    "kr_rrn": ("880101-1234568",),
    "cn_resident_id": ("11010519491231002X",),
}
LOOK_ALIKES = (
    "card 4111 1111 1111 1112", "order 5555555555554445", "0000 0000 0000 0000", "article 9999999999999999",
    "IBAN DE89 3704 0044 0532 0130 01", "XX82WEST12345698765432", "GB82 WEST 1234 5698 7654 3", "jane@example.com",
    "logo@2x.png", "@jane", "jane at acme dot io", "a@b", "10.0.0.1", "192.168.1.254", "127.0.0.1", "version 1.2.3.4",
    "v1.2.3.4", "256.1.1.1", "1.2.3", "fe80::1", "::1", "12:30:45", "00:00:00:00:00:00", "3c:22:fb:9a:10",
    "000-12-3456", "666-12-3456", "123-00-4567", "123-45-0000", "912-45-1234", "QQ123456C", "GB123456A", "AB123456E",
    "943 476 5919", "NHS number 943 476 5918", "86095742719", "tax id 86095742710", "tax id 12345678901",
    "NIR 2 55 08 14 168 025 39", "111222333", "BSN 111222334", "DNI 12345678A", "NIE X1234567A", "RSSMRA85T10A562T",
    "44051401359", "PESEL 44051401358", "PESEL 44133201359", "85.07.30-033.29", "811228-9875", "991399-1234",
    "131052-308U", "211062-5629", "CPR 311362-5629", "15076500565", "fødselsnummer 15076500566", "NIF 123456788",
    "SVNR 1238 010180", "1234567T", "PPS 1234567A", "756.9217.0769.86", "529.982.247-26", "111.111.111-11",
    "9999 4105 7059", "ABCPE1234F", "PAN ABCDE1234F", "130 692 544", "SIN 130 692 545", "123 456 782",
    "TFN 123 456 783", "S1234567A", "8001015009087", "ID number 8001015009088", "HEGG560427MVZRRL05",
    "880101-1234567", "110105194912310021", "490154203237518", "IMEI 490154203237519",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<11", "met on 12 March 2021", "due 1980-03-12", "born to run",
    "Dr Smith, 12.03.2025", "geb. 31.02.1975", "ISBN 978-3-16-148410-0", "EAN 4006381333931", "invoice 2026-004711",
    "call 12345", "phone 555", "+1 23", "tel. 000 000000", "part no. 4711-0815-1234", "0x7f3a9c21", "12.345.678,90 €",
    "UUID 018f6c1e-7b7a-7c3e-8a5d-2f9c1b4e6d70", "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "born 12 March 1780", "3.14159265358979", "1/2/3/4", "10:00-11:30", "49.4521, 11.0767",
)  # fmt: skip
SECRETS: dict[str, str] = {
    "secret_private_key": "-----BEGIN RSA PRIVATE" + " KEY-----",
    "secret_aws": "AKIA" + "IOSFODNN7EXAMPLQ",
    "secret_basic_auth": "postgres://ada:" + "hunter22@db.acme.io/x",
    "secret_github_token": "ghp_" + "a1B2" * 9,
    "secret_gitlab_token": "glpat-" + "a1B2c3D4e5" * 2,
    "secret_jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0." + "c2lnbmF0dXJl",
    "secret_slack": "xoxb-" + "123456789012-123456789012-a1B2c3D4e5F6g7H8i9J0k1L2",
    "secret_stripe": "sk_live_" + "a1B2c3D4" * 3,
    "secret_twilio": "SK" + "a1b2c3d4" * 4,
    "secret_npm": "//registry.npmjs.org/:_authToken=npm_" + "a1B2" * 9,
}
FRAMES = (
    "{}", "Please note: {}", "The customer wrote {} and waits.", "({})", "{}, thanks!", "First line\n{}\nlast line",
    "Das steht da: {} – bitte prüfen", "“{}”",
)  # fmt: skip
WORDS = (
    "refund card order late parcel broken screen lost number change address cancel delivery invoice double charged "
    "account open close transfer week manager answer please again never reply weekend store colour size return label"
).split()


def sentences(count: int, seed: int, length: int = 24) -> list[str]:
    """Texts with nothing in them, no two alike."""
    draw = random.Random(seed)
    return [f"{' '.join(draw.choices(WORDS, k=length))} {place}" for place in range(count)]


def reworded(text: str) -> str:
    """Nearly the same: other letters in one word, in capitals, with more spaces."""
    return re.sub(r"^\w+", "indeed", text).upper().replace(" ", "  ", 3)


def look_alikes(count: int, seed: int) -> Iterator[str]:
    """Specimens with one digit changed: check digits are wrong, everything else is as it should be."""
    draw = random.Random(seed)
    checked = [
        (kind, text) for kind, texts in PERSONAL.items() if kind in BY_CHECK_DIGIT for text in texts
    ]
    while count:
        _kind, text = draw.choice(checked)
        places = [place for place, sign in enumerate(text) if sign.isdigit()]
        place = draw.choice(places)
        changed = str((int(text[place]) + draw.randint(1, 9)) % 10)
        made = text[:place] + changed + text[place + 1 :]
        if made != text:
            count -= 1
            yield made


# A single wrong digit is always seen by these.
BY_CHECK_DIGIT = {
    "payment_card", "iban", "uk_nhs", "fr_nir", "nl_bsn", "es_dni", "es_nie", "br_cpf", "in_aadhaar", "ch_ahv",
    "cn_resident_id", "be_national",
}  # fmt: skip
