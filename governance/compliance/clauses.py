"""Which record answers which clause. A clause that the software does not cover says so, and whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

YES, PARTLY, NO = "covered", "partly", "not covered"
TONES = {YES: "permitted", PARTLY: "attention", NO: "plain"}


@dataclass(frozen=True)
class Clause:
    """One clause: what it asks for, how far the software answers, with what, and where that is shown."""

    number: str
    asks: str
    covered: str
    answer: str
    target: str = ""

    @property
    def tone(self) -> str:
        return TONES[self.covered]

    @property
    def url(self) -> str:
        try:
            return reverse(self.target) if self.target else ""
        except NoReverseMatch:  # an installation without that app
            return ""


@dataclass(frozen=True)
class Rule:
    """One law or standard, as far as data and models are concerned."""

    slug: str
    name: str
    about: str
    clauses: Sequence[Clause]


RECORD = "admin:governance_recordentry_changelist"
CHANGES = "admin:governance_constraintchange_changelist"
ERASURES = "admin:governance_erasurerequest_changelist"
CHECKPOINTS = "admin:governance_checkpoint_changelist"
APPROVALS = "admin:governance_approvalrequest_changelist"
POLICIES = "admin:governance_gatepolicy_changelist"
ROLES = "admin:governance_roledescription_changelist"
EVIDENCE = "admin:governance_evidenceexport_changelist"
TAGS = "admin:governance_tagrule_changelist"
SHEETS = "admin:workbench_sheet_changelist"
ENDPOINTS = "admin:workbench_modelendpoint_changelist"
LABELS = "admin:labeling_canonicallabel_changelist"
TEMPLATES = "admin:labeling_prompttemplate_changelist"
USE_CASES = "admin:labeling_usecase_changelist"
DATASETS = "admin:training_curateddataset_changelist"
EXPORTS = "admin:training_export_changelist"
MODELS = "admin:training_registeredmodel_changelist"
EVALUATIONS = "admin:training_evaluation_changelist"
LINEAGE = "training:lineage"

RULES: tuple[Rule, ...] = (
    Rule("part-11", "21 CFR Part 11", "Electronic records and electronic signatures (FDA).", (
        Clause("11.10(a)", "Validation of the system.", NO,
               "Validation is the organisation's. The tests and measurements "
               "that come with each release can serve it."),
        Clause("11.10(b)", "Accurate and complete copies, readable by people and by machines.", YES,
               "Constraint changes as CSV and JSON; evidence bundles "
               "with every entry, its proofs and a printable report.",
               EVIDENCE),
        Clause("11.10(c)", "Records are protected and can be retrieved through their retention.", PARTLY,
               "The record only grows and is sealed by signed checkpoints. Backups and their test are the operator's.",
               CHECKPOINTS),
        Clause("11.10(d)", "Access is limited to authorised people.", YES,
               "Roles say what kind of thing an account may do, grants say on which rows.", ROLES),
        Clause("11.10(e)", "Secure, computer-generated, time-stamped audit trails; earlier values stay readable.", YES,
               "The record: every change of every governed row, "
               "with before and after, person, moment and reason.", RECORD),
        Clause("11.10(f)", "Permitted sequencing of steps.", YES,
               "Each asset moves through fixed states; a step that needs approval passes a gate.", POLICIES),
        Clause("11.10(g)", "Authority checks.", YES, "Gates, roles and row-level grants, asked again at every step.",
               APPROVALS),
        Clause("11.10(h)", "Device checks.", NO, "The software does not tell devices apart."),
        Clause("11.10(i)", "People are trained for their tasks.", NO, "Training of people is the organisation's."),
        Clause("11.10(j)", "Written policies hold people accountable for their signatures.", NO,
               "Policies are the organisation's."),
        Clause("11.10(k)", "Control of system documentation.", PARTLY,
               "Documentation comes with each release, with a "
               "list of changes. Its distribution is the organisation's."),
        Clause("11.30", "Open systems: further measures such as encryption and digital signatures.", PARTLY,
               "Checkpoints and evidence are signed. Encryption on the way is set up where the site is served.",
               CHECKPOINTS),
        Clause("11.50", "A signature shows name, date and time, and meaning.", YES,
               "Every decision shows the person, the role, the verdict, the comment and the moment.", APPROVALS),
        Clause("11.70", "Signatures are linked to their records.", YES,
               "A decision carries the fingerprint of what was decided; content that changes voids it.", APPROVALS),
        Clause("11.100(a)", "A signature is unique to one individual.", YES,
               "Several accounts of one human share a Person, who signs once.", APPROVALS),
        Clause("11.100(b), (c)", "Identities are verified; the agency is told.", NO, "Both are the organisation's."),
        Clause("11.200", "Signatures of two components, such as a name and a password.", YES,
               "Who signs has proved who they are within the minutes that the gate's policy asks for.", POLICIES),
        Clause("11.300", "Controls of identification codes and passwords.", PARTLY,
               "User names are unique, passwords are checked and kept "
               "as hashes. Their ageing and loss are the operator's."),
    )),
    Rule("hipaa", "HIPAA", "Security and Privacy Rules, 45 CFR Part 164.", (
        Clause("164.308(a)(1)(ii)(D)", "Activity is reviewed regularly.", YES,
               "The compliance desk, constraint changes with filters and saved questions.", "governance:compliance"),
        Clause("164.308(a)(4)", "Access to health information is authorised.", YES,
               "Roles, grants on collections, and usage constraints that follow tags such as PHI.", TAGS),
        Clause("164.312(a)(2)(i)", "Each user is identified uniquely.", YES,
               "Accounts, and the people behind them.", ROLES),
        Clause("164.312(a)(2)(iv)", "Encryption of stored health information.", PARTLY,
               "Secrets are encrypted. Files and databases are encrypted by the operator."),
        Clause("164.312(b)", "Activity is recorded and can be examined.", YES, "The record.", RECORD),
        Clause("164.312(c)(1)", "Health information is protected from improper change.", PARTLY,
               "Any change is on record, and a change of the record itself is found. Source files stay where they are.",
               CHECKPOINTS),
        Clause("164.312(d)", "Who asks for access is who they claim to be.", YES,
               "A password, with an authenticator app or a passkey where people set one up, or an identity provider."),
        Clause("164.312(e)(1)", "Health information is protected on its way.", NO,
               "Transport encryption is set up where the site is served."),
        Clause("164.316(b)(2)(i)", "Documentation is kept for six years.", PARTLY,
               "Nothing on record is ever deleted. Backups are the operator's.", RECORD),
        Clause("164.514", "De-identification.", NO,
               "The software marks and withholds health information; it removes none."),
        Clause("164.528", "Accounting of disclosures.", PARTLY,
               "Exports and the models that learned from each pair are listed. Disclosures outside are not.", EXPORTS),
    )),
    Rule("gdpr-30", "GDPR Article 30", "Records of processing activities.", (
        Clause("30(1)(a)", "Name and contact of the controller.", NO, "Kept by the organisation."),
        Clause("30(1)(b)", "Purposes of the processing.", PARTLY,
               "Use Cases name purposes; usage constraints say which uses each row permits.", USE_CASES),
        Clause("30(1)(c)", "Categories of people and of personal data.", PARTLY,
               "Tags and classifications mark data by category. Categories of people are not kept.", TAGS),
        Clause("30(1)(d)", "Recipients.", PARTLY, "Model endpoints with what each may receive; exports.", ENDPOINTS),
        Clause("30(1)(e)", "Transfers to third countries.", NO, "Where an endpoint stands is not kept."),
        Clause("30(1)(f)", "Time limits for erasure.", PARTLY,
               "Permissions end by themselves on a date. What is on record of a person is erased on request, unless a "
               "legal hold stands. Source data is erased where it is kept.", ERASURES),
        Clause("30(1)(g)", "Technical and organisational measures.", PARTLY,
               "Gates, rights and the record are described in the documentation.", POLICIES),
    )),
    Rule("ai-act", "EU AI Act, Articles 10 and 12", "Data governance and record-keeping of high-risk systems.", (
        Clause("10(2)(a)", "Relevant design choices.", YES,
               "Prompt Templates and labelsets are versioned; a published version never changes.", TEMPLATES),
        Clause("10(2)(b)", "Collection of data, its origin and original purpose.", PARTLY,
               "Sheets name tables, versions and filters. The original purpose is not kept.", SHEETS),
        Clause("10(2)(c)", "Preparation: annotation, labelling, cleaning, updating.", YES,
               "Labels with their expert, every decision on a pair, and versions of both.", LABELS),
        Clause("10(2)(d)", "Assumptions.", NO, "Kept by the organisation."),
        Clause("10(2)(e)", "Availability, quantity and suitability.", PARTLY,
               "Datasets show their counts by label and why rows are left out.", DATASETS),
        Clause("10(2)(f), (g)", "Examination for biases, and measures against them.", NO, "Not examined."),
        Clause("10(2)(h)", "Gaps and shortcomings.", NO, "Not examined."),
        Clause("10(3)", "Relevant, representative, and to the best extent free of errors.", PARTLY,
               "Only pairs that an expert approved are trained on. Representativeness is not measured.", DATASETS),
        Clause("10(5)", "Special categories are processed under strict conditions.", PARTLY,
               "Tagged columns prohibit training of everything made "
               "from them; exceptions need a second person.", CHANGES),
        Clause("12(1)", "Events are recorded automatically over the lifetime.", YES, "The record.", RECORD),
        Clause("12(2)(a)", "Situations that may result in a risk are identified.", PARTLY,
               "Models that learned from rows that were prohibited later are listed as affected.", MODELS),
        Clause("12(2)(b), (c)", "Post-market monitoring and monitoring of operation.", NO,
               "Deployed models are not monitored."),
    )),
    Rule("iso-42001", "ISO/IEC 42001, Annex A", "Controls of an AI management system.", (
        Clause("A.2, A.3", "Policies and internal organisation.", NO, "Kept by the organisation."),
        Clause("A.4.3", "Data resources are documented.", YES,
               "Sheets, Connections and what was read from them.", SHEETS),
        Clause("A.5", "Impact assessment.", NO, "Kept by the organisation."),
        Clause("A.6.2.4", "Verification and validation.", PARTLY,
               "Evaluations of each model version on data that it did not learn from.", EVALUATIONS),
        Clause("A.6.2.8", "Event logs are recorded.", YES, "The record.", RECORD),
        Clause("A.7.2", "Data for development and enhancement is managed.", YES,
               "Curated datasets: frozen, fingerprinted, approved.", DATASETS),
        Clause("A.7.3", "Acquisition of data is documented.", PARTLY,
               "Sources and their versions are kept. Contracts and consent are not.", SHEETS),
        Clause("A.7.4", "Quality of data.", YES, "Review by experts; nothing unreviewed is trained on.", LABELS),
        Clause("A.7.5", "Provenance of data.", YES,
               "Lineage from each model version to every pair, and back.", LINEAGE),
        Clause("A.7.6", "Preparation of data.", YES, "Templates, labelsets and decisions, versioned.", TEMPLATES),
        Clause("A.8, A.9, A.10", "Information for others, use, third parties.", NO, "Kept by the organisation."),
    )),
)  # fmt: skip
