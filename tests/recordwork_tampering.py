"""What the owner of a database can do to a sealed record behind its triggers, at random.

Each way of tampering returns what a finding must name: an entry, a position or a checkpoint.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max

from governance.models import Checkpoint, Erasure, RecordEntry, RecordValues, SealedEntry
from governance.record import keys, sealing
from governance.record.verifier import (
    HASHED_FIELDS,
    ZEROS,
    Tree,
    checkpoint_body,
    entry_hash,
    parse_checkpoint,
    sha256_hex,
    values_digest,
)


@dataclass
class Tampered:
    """What was done to which entry, place or checkpoint."""

    entries: set[int] = field(default_factory=set)
    positions: set[int] = field(default_factory=set)
    checkpoints: set[int] = field(default_factory=set)
    # The object and the version of an entry that is gone: the one after it says so.
    missing: tuple[str, int] | None = None
    # A bundle holds what its maker chose: that the end of a chain is left out shows in the count of sealed entries.
    is_left_out: bool = False
    # An entry that claims no place is told as not sealed.
    is_told_unsealed: bool = False


class Owner:
    """Changes one thing of a sealed record, chosen at random."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def entry(self, **conditions: Any) -> RecordEntry:
        """Any sealed entry."""
        rows = list(RecordEntry.objects.filter(sealed__isnull=False, **conditions).order_by("pk"))
        return self.chance.choice(rows)

    def two(self) -> tuple[RecordEntry, RecordEntry]:
        rows = list(RecordEntry.objects.filter(sealed__isnull=False).order_by("pk"))
        one, two = self.chance.sample(rows, 2)
        return one, two

    def checkpoint(self) -> Checkpoint:
        return self.chance.choice(list(Checkpoint.objects.order_by("number")))

    def named(self, *entries: RecordEntry) -> Tampered:
        places = SealedEntry.objects.filter(entry__in=[entry.pk for entry in entries])
        return Tampered({entry.pk for entry in entries}, set(places.values_list("position", flat=True)))

    # -- edits of entries

    def edit_a_field(self) -> Tampered:
        entry = self.entry()
        name = self.chance.choice([*HASHED_FIELDS, "entry_hash"])
        RecordEntry.objects.filter(pk=entry.pk).update(**{name: self.other(name, getattr(entry, name))})
        return self.named(entry)

    def edit_with_its_hash(self) -> Tampered:
        entry = self.entry()
        name = self.chance.choice(["recorded_at", "actor_id", "door", "request_id", "operation"])
        setattr(entry, name, self.other(name, getattr(entry, name)))
        self.rehash(entry)
        return self.named(entry)

    def edit_and_write_the_chain_anew(self) -> Tampered:
        entry = self.entry()
        entry.door = self.other("door", entry.door)
        return self.named(*self.rechain(entry))

    def edit_chain_and_places_anew(self) -> Tampered:
        entry = self.entry()
        entry.actor_id = self.other("actor_id", entry.actor_id)
        changed = self.rechain(entry)
        self.reseal(changed)
        return self.named(*changed)

    def edit_everything_and_sign_anew(self) -> Tampered:
        """As one who also holds the key: only what was kept outside tells."""
        entry = self.entry()
        entry.recorded_at = self.other("recorded_at", entry.recorded_at)
        changed = self.rechain(entry)
        self.reseal(changed)
        done = self.named(*changed)
        done.checkpoints = self.sign_anew(min(done.positions))
        return done

    # -- values

    def edit_values(self) -> Tampered:
        entry = self.entry()
        payload = self.values(entry).payload
        place = self.chance.randrange(len(payload))
        forged = payload[:place] + ("x" if payload[place] != "x" else "y") + payload[place + 1 :]
        RecordValues.objects.filter(pk=entry.pk).update(payload=forged)
        return self.named(entry)

    def edit_salt(self) -> Tampered:
        entry = self.entry()
        RecordValues.objects.filter(pk=entry.pk).update(salt=f"{self.chance.getrandbits(128):032x}")
        return self.named(entry)

    def edit_values_with_all_hashes(self) -> Tampered:
        entry = self.entry()
        values = self.values(entry)
        values.payload = values.payload.replace('"reason"', '"reason" ')
        values.save()
        entry.values_digest = values_digest(values.salt, values.payload)
        return self.named(*self.rechain(entry))

    def empty_values(self) -> Tampered:
        entry = self.entry()
        RecordValues.objects.filter(pk=entry.pk).update(salt=None, payload=None)
        return self.named(entry)

    def swap_values(self) -> Tampered:
        one, two = self.two()
        first, second = self.values(one), self.values(two)
        for values, other in ((first, second), (second, first)):
            RecordValues.objects.filter(pk=values.pk).update(salt=other.salt, payload=other.payload)
        return self.named(one, two)

    # -- deletions

    def delete_values(self) -> Tampered:
        entry = self.entry()
        RecordValues.objects.filter(pk=entry.pk).delete()
        return self.named(entry)

    def delete_entry(self) -> Tampered:
        entry = self.entry()
        done = self.named(entry)
        done.missing = (entry.object_id, entry.version)
        done.is_left_out = entry.version == self.last_version(entry)
        self.drop(entry)
        return done

    def delete_entry_and_values(self) -> Tampered:
        entry = self.entry()
        done = self.named(entry)
        done.missing = (entry.object_id, entry.version)
        done.is_left_out = entry.version == self.last_version(entry)
        self.drop(entry)
        RecordValues.objects.filter(pk=entry.pk).delete()
        return done

    def delete_every_trace(self) -> Tampered:
        entry = self.entry()
        done = self.named(entry)
        done.checkpoints = self.covering(min(done.positions))
        SealedEntry.objects.filter(entry=entry.pk).delete()
        self.drop(entry)
        RecordValues.objects.filter(pk=entry.pk).delete()
        return done

    def delete_a_chain(self) -> Tampered:
        entry = self.entry()
        chain = list(RecordEntry.objects.filter(kind=entry.kind, object_id=entry.object_id))
        done = self.named(*chain)
        done.is_left_out = True
        for one in chain:
            self.drop(one)
            RecordValues.objects.filter(pk=one.pk).delete()
        return done

    def delete_a_place(self) -> Tampered:
        entry = self.entry()
        done = self.named(entry)
        done.checkpoints = self.covering(min(done.positions))
        SealedEntry.objects.filter(entry=entry.pk).delete()
        return done

    def delete_a_checkpoint(self) -> Tampered:
        """In the middle: the next one then continues nothing."""
        last = Checkpoint.objects.latest("number").number
        number = self.chance.randrange(1, last)
        Checkpoint.objects.filter(pk=number).delete()
        return Tampered(checkpoints={number, number + 1})

    # -- insertions

    def insert_into_a_chain(self) -> Tampered:
        entry = self.entry()
        forged = self.forge(entry, version=entry.version)
        return Tampered({forged.pk, entry.pk})

    def insert_at_the_end_of_a_chain(self) -> Tampered:
        entry = self.entry()
        last = self.last_of(entry)
        forged = self.forge(last, version=last.version + 1, previous=last.entry_hash)
        return Tampered({forged.pk}, is_told_unsealed=True)

    def insert_a_new_object(self) -> Tampered:
        entry = self.entry(version=1)
        forged = self.forge(entry, version=1, object_id="somebody else")
        return Tampered({forged.pk}, is_told_unsealed=True)

    def insert_with_a_stolen_place(self) -> Tampered:
        entry = self.entry()
        last = self.last_of(entry)
        done = self.named(entry)
        forged = self.forge(last, version=last.version + 1, previous=last.entry_hash)
        SealedEntry.objects.filter(entry=entry.pk).update(entry=forged.pk, leaf=forged.entry_hash)
        done.entries.add(forged.pk)
        return done

    def insert_a_place(self) -> Tampered:
        entry = self.entry()
        last = self.last_of(entry)
        forged = self.forge(last, version=last.version + 1, previous=last.entry_hash)
        position = (SealedEntry.objects.aggregate(last=Max("position"))["last"] or 0) + 1
        SealedEntry.objects.create(position=position, entry_id=forged.pk, leaf=forged.entry_hash)
        return Tampered({forged.pk}, {position}, is_told_unsealed=True)

    def insert_a_checkpoint(self) -> Tampered:
        """A copy of the last one under the next number; its body still says the old one."""
        last = Checkpoint.objects.latest("number")
        last.pk = last.number = last.number + 1
        last.save(force_insert=True)
        return Tampered(checkpoints={last.number - 1, last.number})

    # -- swaps

    def swap_places(self) -> Tampered:
        one, two = self.two()
        done = self.named(one, two)
        here, there = (SealedEntry.objects.get(entry=entry.pk) for entry in (one, two))
        SealedEntry.objects.filter(pk__in=[here.pk, there.pk]).delete()
        SealedEntry.objects.create(position=here.position, entry_id=there.entry_id, leaf=there.leaf)
        SealedEntry.objects.create(position=there.position, entry_id=here.entry_id, leaf=here.leaf)
        done.checkpoints = self.covering(min(done.positions))
        return done

    def swap_sealed_hashes(self) -> Tampered:
        one, two = self.two()
        done = self.named(one, two)
        here, there = (SealedEntry.objects.get(entry=entry.pk) for entry in (one, two))
        SealedEntry.objects.filter(pk=here.pk).update(leaf=there.leaf)
        SealedEntry.objects.filter(pk=there.pk).update(leaf=here.leaf)
        done.checkpoints = self.covering(min(done.positions))
        return done

    def swap_versions(self) -> Tampered:
        entry = self.entry(version=2)
        first = RecordEntry.objects.get(kind=entry.kind, object_id=entry.object_id, version=1)
        for one, version in ((first, 0), (entry, 1), (first, 2)):
            RecordEntry.objects.filter(pk=one.pk).update(version=version)
        return self.named(first, entry)

    def swap_objects(self) -> Tampered:
        one, two = self.two()
        while (one.kind, one.object_id) == (two.kind, two.object_id):
            one, two = self.two()
        for entry, other in ((one, None), (two, one), (one, two)):
            place = (other.kind, other.object_id, other.version) if other else ("no kind", "for now", 0)
            RecordEntry.objects.filter(pk=entry.pk).update(
                **dict(zip(("kind", "object_id", "version"), place, strict=True))
            )
        return self.named(one, two)

    def swap_checkpoints(self) -> Tampered:
        numbers = list(Checkpoint.objects.values_list("number", flat=True))
        here, there = (Checkpoint.objects.get(pk=number) for number in self.chance.sample(numbers, 2))
        for one, other in ((here, there), (there, here)):
            Checkpoint.objects.filter(pk=one.pk).update(body=other.body, signature=other.signature, root=other.root)
        return Tampered(checkpoints={here.number, there.number})

    # -- edits of checkpoints

    def edit_what_was_signed(self) -> Tampered:
        checkpoint = self.checkpoint()
        lines = checkpoint.body.split("\n")
        place = self.chance.choice([4, 5, 6])  # root, previous, moment
        lines[place] = sha256_hex(lines[place]) if place < 6 else "2020-01-01T00:00:00.000000Z"
        Checkpoint.objects.filter(pk=checkpoint.pk).update(body="\n".join(lines))
        return Tampered(checkpoints={checkpoint.number})

    def edit_a_signature(self) -> Tampered:
        checkpoint = self.checkpoint()
        place = self.chance.randrange(128)
        digit = "0" if checkpoint.signature[place] != "0" else "1"
        signature = checkpoint.signature[:place] + digit + checkpoint.signature[place + 1 :]
        Checkpoint.objects.filter(pk=checkpoint.pk).update(signature=signature)
        return Tampered(checkpoints={checkpoint.number})

    # -- what the owner knows of hashing

    def other(self, name: str, value: Any) -> Any:
        """Another value that the column takes."""
        made: dict[str, Callable[[], Any]] = {
            "kind": lambda: "governance.other",
            "object_id": lambda: f"other {self.chance.random()}",
            "version": lambda: value + self.chance.randrange(10, 1_000),
            "operation": lambda: self.chance.choice([one for one in ("insert", "update", "delete") if one != value]),
            "recorded_at": lambda: f"2020-01-01T00:00:00.{self.chance.randrange(10**6):06d}Z",
            "actor_id": lambda: (value or 0) + self.chance.randrange(1, 1_000),
            "door": lambda: "api" if value != "api" else "admin",
            "request_id": lambda: f"r{self.chance.random()}",
        }
        return made[name]() if name in made else f"{self.chance.getrandbits(256):064x}"

    def values(self, entry: RecordEntry) -> Any:
        return RecordValues.objects.get(pk=entry.pk)

    def drop(self, entry: RecordEntry) -> None:
        RecordEntry.objects.filter(pk=entry.pk).delete()

    def last_of(self, entry: RecordEntry) -> RecordEntry:
        return RecordEntry.objects.filter(kind=entry.kind, object_id=entry.object_id).latest("version")

    def last_version(self, entry: RecordEntry) -> int:
        return self.last_of(entry).version

    def rehash(self, entry: RecordEntry) -> None:
        entry.entry_hash = entry_hash({name: getattr(entry, name) for name in HASHED_FIELDS})
        entry.save()

    def rechain(self, entry: RecordEntry) -> list[RecordEntry]:
        """Write this entry and the later ones of its chain, each with the hash of the one before."""
        self.rehash(entry)
        changed, before = [entry], entry
        chain = RecordEntry.objects.filter(kind=entry.kind, object_id=entry.object_id, version__gt=entry.version)
        for later in chain.order_by("version"):
            later.previous = before.entry_hash
            self.rehash(later)
            changed.append(later)
            before = later
        return changed

    def reseal(self, changed: list[RecordEntry]) -> None:
        for entry in changed:
            SealedEntry.objects.filter(entry=entry.pk).update(leaf=entry.entry_hash)

    def forge(self, like: RecordEntry, **fields: Any) -> RecordEntry:
        """An entry that is right in itself, where none was; its id is one that the record never gave."""
        forged = RecordEntry.objects.get(pk=like.pk)
        forged.pk = 0
        if fields.get("version") == 1:
            fields["previous"] = ZEROS
        payload = self.values(like).payload
        forged.door = self.other("door", like.door)
        salt = f"{self.chance.getrandbits(128):032x}"
        forged.values_digest = values_digest(salt, payload)
        for name, value in fields.items():
            setattr(forged, name, value)
        if forged.version == like.version and forged.object_id == like.object_id:  # beside the one that stands there
            forged.version = like.version
            RecordEntry.objects.filter(pk=like.pk).update(version=like.version + 10_000)
        forged.entry_hash = entry_hash({name: getattr(forged, name) for name in HASHED_FIELDS})
        RecordValues.objects.create(pk=forged.pk, salt=salt, payload=payload)
        forged.save(force_insert=True)
        return forged

    def covering(self, position: int) -> set[int]:
        """The checkpoints that sign this position."""
        return set(Checkpoint.objects.filter(size__gt=position).values_list("number", flat=True))

    def sign_anew(self, position: int) -> set[int]:
        """Every checkpoint from this position on, as the installation would have signed it."""
        key, private = keys.signer()
        leaves = list(SealedEntry.objects.order_by("position").values_list("leaf", flat=True))
        tree, before, signed = Tree(), None, set()
        for checkpoint in Checkpoint.objects.order_by("number"):
            for leaf in leaves[tree.size : checkpoint.size]:
                tree.append(leaf)
            if checkpoint.size > position:
                said = parse_checkpoint(checkpoint.body)
                checkpoint.previous = sha256_hex(before.body) if before else ZEROS
                checkpoint.root, checkpoint.frontier = tree.root(), tree.frontier
                checkpoint.body = checkpoint_body(
                    site=said.site, number=said.number, size=said.size, root=checkpoint.root,
                    previous=checkpoint.previous, sealed_at=said.sealed_at, key_id=key.key_id,
                )  # fmt: skip
                checkpoint.signature = private.sign(checkpoint.body.encode()).hex()
                checkpoint.save()
                signed.add(checkpoint.number)
            before = checkpoint
        return signed


NOT_WAYS = {"entry", "two", "checkpoint", "named", "other", "values", "drop", "last_of", "last_version", "rehash",
            "rechain", "reseal", "forge", "covering", "sign_anew"}  # fmt: skip
WAYS = [name for name in vars(Owner) if not name.startswith("_") and name not in NOT_WAYS]


def forge_an_erasure(entry: RecordEntry) -> None:
    """Empty the values and write a reason for it, without the entry that a true erasure leaves."""
    Erasure.objects.bulk_create([Erasure(entry=entry, actor_id=1, actor_name="Forger", reason="as if it were asked")])
    RecordValues.objects.filter(pk=entry.pk).update(salt=None, payload=None)


def forget_what_was_sealed() -> int:
    """Let the last checkpoint say that fewer entries were sealed; returns its number."""
    last = Checkpoint.objects.latest("number")
    Checkpoint.objects.filter(pk=last.pk).update(last_entry=last.last_entry - 5)
    return last.number


def seal_a_small_record(people: list[str]) -> None:
    """Three checkpoints over entries of chains of different length."""
    from governance.models import Person

    for part in range(3):
        for name in people[part::3]:
            Person.objects.create(name=name)
        for old, new in (("", "'"), ("'", "''")):
            for person in Person.objects.filter(name__in=[name + old for name in people[: 2 * part + 1]]):
                person.name = person.name.rstrip("'") + new
                person.save()
        sealing.seal()
