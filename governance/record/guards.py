"""Triggers that hold gates in the database itself: no step past its gate, and no approval without its signatures.

Services decide who may sign; these refuse what no service did, such as a statement at a database console.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps

from governance.lifecycle import LIFECYCLES, Transition
from governance.models.approvals import Approval, ApprovalRequest, ApprovalWithdrawal, GatePolicy
from governance.models.people import User
from governance.models.record import RecordEntry
from governance.models.retention import LegalHold, RecordArchive
from governance.record.tables import append_only
from governance.record.vouching import IS_SAID

REQUEST, POLICY, ACCOUNT = ApprovalRequest._meta.db_table, GatePolicy._meta.db_table, User._meta.db_table
SIGNED, TAKEN_BACK = Approval._meta.db_table, ApprovalWithdrawal._meta.db_table
ASKED = (
    "gate", "content_type_id", "object_id", "fingerprint", "payload", "needed", "reason", "requested_by_id",
)  # fmt: skip
"""Columns of a request that never change: signatures are for these."""
UNSIGNED = "an approval needs every signature that its gate asks for, of people who did not ask for it"
FIXED = "what was asked for never changes, and a closed request stays closed"
UNPROVED = "only the application writes this"
DECISIVE = (LegalHold, RecordArchive, GatePolicy)
"""What may change and yet decides what is kept, what is dropped and who signs."""
PAST_GATE = "this step passes its gate or is not made"


def guarded() -> Iterator[tuple[str, str, tuple[Transition, ...]]]:
    """Label and table of each model with a gate in the life of its rows, and that life."""
    for label, steps in sorted(LIFECYCLES.items()):
        if any(step.gate for step in steps):
            yield label, apps.get_model(label)._meta.db_table, steps


def _signatures(role: str) -> str:
    """SQL: how many people signed the request NEW in this role, whose signatures count."""
    return (
        f"(SELECT count(DISTINCT a.person_id) FROM {SIGNED} a WHERE a.request_id = NEW.id AND a.role = {role} "
        "AND a.verdict = 'approve' AND a.fingerprint = NEW.fingerprint "
        f"AND NOT EXISTS (SELECT 1 FROM {TAKEN_BACK} w WHERE w.approval_id = a.id) "
        f"AND (NOT EXISTS (SELECT 1 FROM {ACCOUNT} u WHERE u.id = NEW.requested_by_id AND u.person_id = a.person_id) "
        f"OR EXISTS (SELECT 1 FROM {POLICY} p WHERE p.gate = NEW.gate AND p.author_may_approve)))"
    )


def _approved(gate: str) -> str:
    """SQL: the row NEW was approved at this gate."""
    return f"EXISTS (SELECT 1 FROM {REQUEST} r WHERE r.gate = {gate} AND r.object_id = NEW.id AND r.state = 'approved')"


def on_sqlite() -> dict[str, str]:
    """Name → SQL of each trigger."""
    changed = " OR ".join(f'OLD."{name}" IS NOT NEW."{name}"' for name in ASKED)
    reopened = "OLD.state <> 'pending' AND OLD.state <> NEW.state AND (OLD.state, NEW.state) <> ('approved', 'revoked')"
    unsigned = (
        "NEW.state = 'approved' AND OLD.state <> 'approved' AND (NEW.needed = '{}' OR EXISTS "
        f"(SELECT 1 FROM json_each(NEW.needed) n WHERE n.value > {_signatures('n.key')} OR n.value < 1))"
    )
    made = {
        "record_gate_asked": (f"UPDATE ON {REQUEST}", f"{changed} OR ({reopened})", FIXED),
        "record_gate_signed": (f"UPDATE OF state ON {REQUEST}", unsigned, UNSIGNED),
        "record_gate_unasked": (f"INSERT ON {REQUEST}", "NEW.state <> 'pending'", UNSIGNED),
    }
    for _label, table, steps in guarded():
        known = " OR ".join(_known_step(step) for step in steps)
        barred = f"OLD.status <> NEW.status AND NOT ({known})"
        made[f"record_gate_{table}"] = (f'UPDATE OF status ON "{table}"', barred, PAST_GATE)
    return {
        name: f'CREATE TRIGGER "{name}" BEFORE {event} WHEN {when} BEGIN SELECT RAISE(ABORT, \'{refusal}\'); END'
        for name, (event, when, refusal) in made.items()
    }


def ungated(label: str) -> list[str]:
    """The states of a life that are reached without passing a gate, its first one included."""
    steps = LIFECYCLES[label]
    reached = {apps.get_model(label)._meta.get_field("status").get_default()}
    while more := {one.target for one in steps if not one.gate and reached & set(one.sources)} - reached:
        reached |= more
    return sorted(str(state) for state in reached)


def _known_step(step: Transition) -> str:
    sources = ", ".join(f"'{source}'" for source in step.sources)
    gate = f"'{step.gate}'"
    passed = f" AND {_approved(gate)}" if step.gate else ""
    return f"(OLD.status IN ({sources}) AND NEW.status = '{step.target}'{passed})"


_REFUSE = "RAISE EXCEPTION '{}' USING ERRCODE = 'integrity_constraint_violation';"
GATE_REQUEST = f"""
CREATE OR REPLACE FUNCTION record_gate_request() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF NOT {IS_SAID} THEN
        {_REFUSE.format(UNPROVED)}
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'pending' THEN
            {_REFUSE.format(UNSIGNED)}
        END IF;
        RETURN NEW;
    END IF;
    IF ({", ".join(f"OLD.{name}" for name in ASKED)}) IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in ASKED)})
       OR (OLD.state NOT IN ('pending', NEW.state) AND NOT (OLD.state = 'approved' AND NEW.state = 'revoked')) THEN
        {_REFUSE.format(FIXED)}
    END IF;
    IF NEW.state = 'approved' AND OLD.state <> 'approved' AND (NEW.needed = '{{{{}}}}' OR EXISTS
       (SELECT 1 FROM jsonb_each_text(NEW.needed) n
        WHERE n.value::integer > {_signatures("n.key")} OR n.value::integer < 1)) THEN
        {_REFUSE.format(UNSIGNED)}
    END IF;
    RETURN NEW;
END $record$
"""
# Arguments: the states without a gate before them; then sources joined by commas, target and gate of each step, the
# gate empty where there is none. Past a gate, also by being born there, only the application leads a row.
GATE_STEP = f"""
CREATE OR REPLACE FUNCTION record_gate_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF NEW.status <> ALL (string_to_array(TG_ARGV[0], ',')) AND (TG_OP = 'INSERT' OR OLD.status <> NEW.status)
       AND NOT {IS_SAID} THEN
        {_REFUSE.format(UNPROVED)}
    END IF;
    IF TG_OP = 'INSERT' OR OLD.status = NEW.status THEN
        RETURN NEW;
    END IF;
    FOR step IN 0 .. TG_NARGS / 3 - 1 LOOP
        IF OLD.status = ANY (string_to_array(TG_ARGV[3 * step + 1], ',')) AND NEW.status = TG_ARGV[3 * step + 2]
           AND (TG_ARGV[3 * step + 3] = '' OR {_approved("TG_ARGV[3 * step + 3]")}) THEN
            RETURN NEW;
        END IF;
    END LOOP;
    {_REFUSE.format(PAST_GATE)}
END $record$
"""
# A signature names a person, a readable version says who did what, an erasure destroys values, a sealed place is taken
# for ever: only who can prove to be the application writes one.
PROVED = f"""
CREATE OR REPLACE FUNCTION record_proved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = {{schema}}, pg_temp AS $record$
BEGIN
    IF NOT {IS_SAID} THEN
        {_REFUSE.format(UNPROVED)}
    END IF;
    RETURN NULL;
END $record$
"""
FUNCTIONS = (GATE_REQUEST, PROVED, GATE_STEP)


def on_postgresql() -> dict[tuple[str, str], str]:
    """(Table, name) → what follows `CREATE TRIGGER name`."""
    made = {
        (REQUEST, "record_gate"): f'BEFORE INSERT OR UPDATE ON "{REQUEST}" FOR EACH ROW '
        "EXECUTE FUNCTION record_gate_request()"
    }
    for model in append_only():
        if model is RecordEntry:  # its triggers write it, whoever acts
            continue
        made[model._meta.db_table, "record_proved"] = _proved(model._meta.db_table, "INSERT")
    for model in DECISIVE:
        made[model._meta.db_table, "record_proved"] = _proved(model._meta.db_table, "INSERT OR DELETE OR UPDATE")
    for label, table, steps in guarded():
        told = [",".join(ungated(label))]
        for step in steps:
            told += [",".join(step.sources), step.target, step.gate]
        words = ", ".join(f"'{one}'" for one in told)
        call = f"record_gate_step({words})"
        made[table, "record_gate"] = (
            f'BEFORE INSERT OR UPDATE OF status ON "{table}" FOR EACH ROW EXECUTE FUNCTION {call}'
        )
    return made


def _proved(table: str, events: str) -> str:
    return f'BEFORE {events} ON "{table}" FOR EACH STATEMENT EXECUTE FUNCTION record_proved()'
