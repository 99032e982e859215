"""What the invented invoices are made of: providers, insurers, people, procedures and visits.

Every name, address and number is invented. Telephone numbers use the exchange reserved for fiction, and
provider numbers fail the check digit of real NPIs, so none can belong to a real practice.
"""

from __future__ import annotations

from dataclasses import dataclass

URGENCIES = ("routine", "urgent", "emergency")
DEPARTMENTS = (
    "emergency_medicine",
    "cardiology",
    "radiology",
    "orthopedics",
    "pediatrics",
    "primary_care",
)
NETWORK_STATUSES = ("in_network", "out_of_network", "not_determined")


@dataclass(frozen=True)
class Provider:
    """Who sends the bill; `departments` maps our department to the provider's own name for it."""

    name: str
    street: str
    city: str
    phone: str
    npi: str
    network_status: str
    departments: dict[str, str]
    accent: str
    serif: bool


@dataclass(frozen=True)
class Visit:
    """One kind of visit: how front desks describe it, and what is billed for it."""

    department: str
    urgency: str
    reason: str
    phrases: tuple[str, ...]
    codes: tuple[str, ...]


# The urban centre has three departments; the others do one thing, as in most towns.
PROVIDERS = (
    Provider(
        "City Medical Center",
        "14 Harbour Road",
        "Fairhaven, WA 98999",
        "(555) 555-0114",
        "1487002231",
        "in_network",
        {"emergency_medicine": "Emergency Room", "cardiology": "Heart Center", "radiology": "Imaging"},
        "#1f3a68",
        True,
    ),
    Provider(
        "Lakeside General Hospital",
        "200 Shoreline Avenue",
        "Port Ellery, WA 98997",
        "(555) 555-0120",
        "1730045512",
        "out_of_network",
        {"emergency_medicine": "Acute Care Unit", "orthopedics": "Trauma and Joint Service"},
        "#7a2e2e",
        False,
    ),
    Provider(
        "Northgate Heart Institute",
        "5 Beacon Terrace",
        "Northgate, WA 98996",
        "(555) 555-0133",
        "1598830274",
        "in_network",
        {"cardiology": "Cardiovascular Clinic"},
        "#8c1d40",
        True,
    ),
    Provider(
        "Brightwater Imaging Associates",
        "77 Mill Race Lane",
        "Fairhaven, WA 98999",
        "(555) 555-0146",
        "1164409038",
        "not_determined",
        {"radiology": "Diagnostic Imaging"},
        "#0f5c63",
        False,
    ),
    Provider(
        "Hillcrest Orthopaedic Group",
        "31 Summit Way",
        "Hillcrest, WA 98995",
        "(555) 555-0158",
        "1922071146",
        "in_network",
        {"orthopedics": "Bone and Joint Clinic"},
        "#3d4f2f",
        False,
    ),
    Provider(
        "Maple Street Pediatrics",
        "9 Maple Street",
        "Port Ellery, WA 98997",
        "(555) 555-0161",
        "1356648820",
        "in_network",
        {"pediatrics": "Children's Clinic"},
        "#a0561a",
        False,
    ),
    Provider(
        "Old Mill Family Practice",
        "2 Old Mill Square",
        "Northgate, WA 98996",
        "(555) 555-0172",
        "1801139965",
        "in_network",
        {"primary_care": "Family Medicine"},
        "#2b5d3a",
        True,
    ),
    Provider(
        "Riverside Walk-in Care",
        "480 Quay Street",
        "Hillcrest, WA 98995",
        "(555) 555-0187",
        "1275520414",
        "out_of_network",
        {"primary_care": "Walk-in Clinic"},
        "#314e89",
        False,
    ),
)

INSURERS = {"BC": "Blue Cedar Health Plan", "HM": "Harbor Mutual", "SV": "Summit Valley Assurance"}

FIRST_NAMES = (
    "Jane",
    "Arlo",
    "Mirela",
    "Tobias",
    "Nadia",
    "Owen",
    "Priya",
    "Callum",
    "Ines",
    "Dmitri",
    "Leona",
    "Samir",
    "Greta",
    "Hugo",
    "Amara",
    "Felix",
    "Yuki",
    "Rosalind",
    "Mateo",
    "Ingrid",
)
LAST_NAMES = (
    "Smith",
    "Vantongeren",
    "Okafor-Lindqvist",
    "Brightwell",
    "Castellane",
    "Dunmore",
    "Eskildsen",
    "Farrowby",
    "Gallowhill",
    "Hartsong",
    "Iverleigh",
    "Jankovar",
    "Kestrelman",
    "Lorringer",
    "Marchbanks",
    "Nakashiro",
    "Oldcastle",
    "Penhaligan",
    "Quillfeather",
    "Rosenthorpe",
)

# Code -> (own plain words, usual charge in whole dollars).
PROCEDURES: dict[str, tuple[str, int]] = {
    "99213": ("Office visit, established patient", 145),
    "99214": ("Office visit, established patient, detailed", 210),
    "99203": ("Office visit, new patient", 190),
    "99392": ("Preventive check, age 1 to 4", 165),
    "99283": ("Emergency visit, moderate", 420),
    "99284": ("Emergency visit, high", 690),
    "99285": ("Emergency visit, life-threatening", 1080),
    "93000": ("Electrocardiogram with report", 88),
    "93015": ("Stress test with monitoring", 335),
    "93306": ("Echocardiogram, complete", 610),
    "84484": ("Troponin, quantitative", 74),
    "80053": ("Metabolic panel", 52),
    "80061": ("Lipid panel", 46),
    "83036": ("Hemoglobin A1c", 38),
    "85025": ("Blood count with differential", 31),
    "36415": ("Blood draw", 18),
    "71046": ("Chest X-ray, two views", 128),
    "73610": ("Ankle X-ray, three views", 116),
    "73721": ("MRI of lower-limb joint", 870),
    "74177": ("CT abdomen and pelvis, with contrast", 1140),
    "76700": ("Ultrasound of abdomen", 295),
    "77067": ("Screening mammogram, both sides", 240),
    "20610": ("Injection into large joint", 185),
    "29515": ("Short leg splint", 142),
    "97110": ("Therapeutic exercise, 15 minutes", 62),
    "12002": ("Repair of superficial wound", 305),
    "87426": ("Antigen detection, immunoassay", 140),
    "87880": ("Strep test, rapid", 44),
    "90460": ("Vaccine administration with counselling", 36),
    "90707": ("Measles, mumps and rubella vaccine", 98),
    "94640": ("Inhalation treatment", 57),
    "96374": ("Infusion push, single drug", 160),
}

# What earlier visits on a statement were billed for.
FOLLOW_UPS: dict[str, tuple[str, ...]] = {
    "emergency_medicine": ("99213", "85025", "36415"),
    "cardiology": ("99213", "93000"),
    "radiology": ("76700",),
    "orthopedics": ("99213", "97110"),
    "pediatrics": ("99213", "87880"),
    "primary_care": ("99213", "85025", "36415"),
}

VISITS = (
    Visit(
        "emergency_medicine",
        "emergency",
        "sudden chest pain",
        (
            "arrived by ambulance with sudden chest pain, monitored bed",
            "ambulance arrival, crushing chest pain, monitored bed",
        ),
        ("99285", "93000", "84484", "71046", "80053", "96374"),
    ),
    Visit(
        "emergency_medicine",
        "emergency",
        "severe breathing difficulty",
        (
            "ambulance arrival with severe breathing difficulty, oxygen given",
            "arrived by ambulance short of breath, oxygen and monitored bed",
        ),
        ("99284", "94640", "71046", "85025", "36415"),
    ),
    Visit(
        "emergency_medicine",
        "urgent",
        "a cut that needed stitches",
        (
            "same-day night arrival, deep cut cleaned and stitched",
            "same-day unplanned arrival at night for stitches after a kitchen cut",
        ),
        ("99283", "12002"),
    ),
    Visit(
        "cardiology",
        "routine",
        "a planned heart check",
        (
            "planned follow-up of heart rhythm with ECG",
            "planned yearly heart check with ECG and blood lipids",
        ),
        ("99214", "93000", "80061", "36415"),
    ),
    Visit(
        "cardiology",
        "urgent",
        "new palpitations",
        (
            "same-day referral for new palpitations, heart ultrasound",
            "same-day heart ultrasound and stress test after palpitations",
        ),
        ("99214", "93306", "93015"),
    ),
    Visit(
        "radiology",
        "routine",
        "planned imaging",
        ("planned screening images, no complaint", "planned scan ordered at last visit, screening images"),
        ("77067", "76700"),
    ),
    Visit(
        "radiology",
        "urgent",
        "a scan for abdominal pain",
        (
            "same-day CT scan with contrast for abdominal pain",
            "same-day contrast scan, abdominal pain since morning",
        ),
        ("74177", "96374"),
    ),
    Visit(
        "orthopedics",
        "routine",
        "a planned joint treatment",
        ("planned knee injection and exercise session", "planned knee review with MRI and exercise plan"),
        ("99213", "20610", "97110", "73721"),
    ),
    Visit(
        "orthopedics",
        "urgent",
        "a twisted ankle",
        (
            "same-day ankle injury, splint after X-ray",
            "same-day twisted ankle on the stairs, X-ray and splint",
        ),
        ("99213", "73610", "29515"),
    ),
    Visit(
        "pediatrics",
        "routine",
        "a well-child check",
        ("planned well-child check with vaccine", "planned toddler check, vaccine given"),
        ("99392", "90460", "90707"),
    ),
    Visit(
        "pediatrics",
        "urgent",
        "a feverish sore throat",
        (
            "same-day child with fever and sore throat, rapid strep test",
            "same-day feverish child, throat swab",
        ),
        ("99213", "87880", "94640"),
    ),
    Visit(
        "primary_care",
        "routine",
        "a yearly check",
        (
            "planned yearly check with blood work",
            "planned blood sugar and lipid control at the family doctor",
        ),
        ("99213", "80061", "83036", "85025", "36415"),
    ),
    Visit(
        "primary_care",
        "urgent",
        "acute flu symptoms",
        (
            "same-day cough and flu symptoms, antigen test",
            "same-day antigen test for flu symptoms, walked in",
        ),
        ("99203", "87426"),
    ),
)
