"""The record's checks find every change, and name where it was made."""

from __future__ import annotations

import random
from dataclasses import replace
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.record import verifier
from governance.record.verifier import Levels, Refused, Tree, check_chains, check_range
from tests.evidence import SITE, Record, filled

# -- Ed25519 --------------------------------------------------------------------------------------------------

# RFC 8032, section 7.1: public key, message, signature.
RFC_8032 = {
    "test 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "test 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "test 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    "test SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
}
FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("vector", RFC_8032.values(), ids=RFC_8032)
def test_signatures_of_the_standard_are_accepted(vector):
    key, message, signature = (bytes.fromhex(text) for text in vector)

    assert verifier.ed25519_verify(key, message, signature)
    assert not verifier.ed25519_verify(key, message + b"!", signature)


def test_damaged_signatures_are_judged_as_by_cryptography():
    chance = random.Random(1)
    for number in range(80):
        private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        message = chance.randbytes(number % 80)
        parts = [bytearray(private.public_key().public_bytes_raw()), bytearray(message)]
        parts.append(bytearray(private.sign(message)))
        if number % 3 and parts[number % 3]:
            damaged = parts[number % 3]
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        elif number % 2:
            parts[2][32:] = chance.randbytes(32)
        key, message, signature = map(bytes, parts)

        assert verifier.ed25519_verify(key, message, signature) == _by_cryptography(key, message, signature)


def _by_cryptography(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_a_signature_has_no_second_form():
    key, message, signature = (bytes.fromhex(text) for text in RFC_8032["test 3"])
    scalar = int.from_bytes(signature[32:], "little")

    assert not verifier.ed25519_verify(key, message, signature[:32] + (scalar + ORDER).to_bytes(32, "little"))
    assert not verifier.ed25519_verify(key, message, signature + b"\0")
    assert not verifier.ed25519_verify(key, message, signature[:63])
    assert not verifier.ed25519_verify(key[:31], message, signature)


# y = 1 (neutral), y = -1, y = 0 (order 4), one of order 8, and encodings that a lenient reader takes for others.
WEAK_KEYS = {
    "neutral": (1).to_bytes(32, "little"),
    "order 2": (FIELD - 1).to_bytes(32, "little"),
    "order 4": bytes(32),
    "order 8": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    "neutral, y beyond the field": (FIELD + 1).to_bytes(32, "little"),
    "neutral, with a sign": (1 | 1 << 255).to_bytes(32, "little"),
    "y beyond the field": (FIELD + 3).to_bytes(32, "little"),
    "not on the curve": (2).to_bytes(32, "little"),
}


@pytest.mark.parametrize("key", WEAK_KEYS.values(), ids=WEAK_KEYS)
def test_keys_under_which_everything_is_signed_are_refused(key):
    neutral = (1).to_bytes(32, "little")

    assert not verifier.ed25519_verify(key, b"anything", neutral + bytes(32))
    assert not any(verifier.ed25519_verify(key, b"%d" % number, neutral + bytes(32)) for number in range(20))


def test_a_point_has_no_second_form():
    """Only y below 19 fits into 255 bits a second time, and nobody knows a private key for any of these points."""
    on_curve = [y for y in range(19) if verifier._decode(y.to_bytes(32, "little"))]

    assert len(on_curve) > 5
    assert not any(verifier._decode((FIELD + y).to_bytes(32, "little")) for y in on_curve)
    assert verifier._decode((1).to_bytes(32, "little"))
    assert not verifier._decode((1 | 1 << 255).to_bytes(32, "little"))


# -- the tree -------------------------------------------------------------------------------------------------

# The leaves and roots that implementations of Certificate Transparency are tested with.
CT_LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def naive_root(data: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\0" + data[0]).digest()
    k = _largest_power_below(len(data))
    return sha256(b"\1" + naive_root(data[:k]) + naive_root(data[k:])).digest()


def naive_path(m: int, data: list[bytes]) -> list[bytes]:
    """Section 2.1.1."""
    if len(data) == 1:
        return []
    k = _largest_power_below(len(data))
    if m < k:
        return [*naive_path(m, data[:k]), naive_root(data[k:])]
    return [*naive_path(m - k, data[k:]), naive_root(data[:k])]


def naive_proof(m: int, data: list[bytes], whole: bool = True) -> list[bytes]:
    """Section 2.1.2."""
    if m == len(data):
        return [] if whole else [naive_root(data)]
    k = _largest_power_below(len(data))
    if m <= k:
        return [*naive_proof(m, data[:k], whole), naive_root(data[k:])]
    return [*naive_proof(m - k, data[k:], False), naive_root(data[:k])]


def _largest_power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def data_of(size: int) -> list[bytes]:
    return [sha256(b"%d" % number).digest() for number in range(size)]


def test_roots_are_those_of_certificate_transparency():
    tree, roots = Tree(), []
    for leaf in CT_LEAVES:
        tree.append(leaf)
        roots.append(tree.root())

    assert tuple(roots) == CT_ROOTS
    assert Tree().root() == sha256(b"").hexdigest()


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 31, 33, 64, 65])
def test_the_tree_is_that_of_the_standard(size):
    data = data_of(size)
    levels, tree = Levels(leaf.hex() for leaf in data), Tree()
    for leaf in data:
        tree.append(leaf.hex())

    assert tree.root() == levels.root(size).hex() == naive_root(data).hex()
    for index in range(size):
        assert levels.inclusion(index, size) == naive_path(index, data)
    for old in range(1, size + 1):
        assert levels.consistency(old, size) == naive_proof(old, data)
        assert levels.root(old) == naive_root(data[:old])


@given(st.integers(1, 300), st.data())
@settings(max_examples=100, deadline=None)
def test_a_path_shows_its_own_leaf_and_no_other(size, draw):
    index, other = draw.draw(st.integers(0, size - 1)), draw.draw(st.integers(0, size - 1))
    data = data_of(size)
    levels = Levels(leaf.hex() for leaf in data)
    root, path = levels.root(size), levels.inclusion(index, size)
    leaf = verifier.leaf_hash(data[index])

    assert verifier.check_inclusion(leaf, index, size, path, root)
    assert verifier.check_inclusion(leaf, other, size, path, root) == (other == index)
    assert verifier.check_inclusion(verifier.leaf_hash(data[other]), index, size, path, root) == (other == index)
    assert not verifier.check_inclusion(leaf, index, size, [*path, root], root)
    assert not verifier.check_inclusion(leaf, index + size, size, path, root)
    assert not path or not verifier.check_inclusion(leaf, index, size, path[:-1], root)
    assert not verifier.check_inclusion(leaf, -1, size, path, root)


@given(st.integers(0, 300), st.data())
@settings(max_examples=100, deadline=None)
def test_consistency_shows_appending_and_nothing_else(new, draw):
    old = draw.draw(st.integers(0, new))
    data = data_of(new)
    levels = Levels(leaf.hex() for leaf in data)
    path, roots = levels.consistency(old, new), (levels.root(old), levels.root(new))

    assert verifier.check_consistency(old, roots[0], new, roots[1], path)
    assert not verifier.check_consistency(old, b"x" * 32, new, roots[1], path)
    assert old == 0 or not verifier.check_consistency(old, roots[0], new, b"x" * 32, path)
    assert not verifier.check_consistency(old, roots[0], new, roots[1], [*path, roots[1]])
    assert not path or not verifier.check_consistency(old, roots[0], new, roots[1], path[:-1])
    assert old == new or not verifier.check_consistency(new, roots[1], old, roots[0], path)
    larger = new + (1 << new.bit_length())
    assert old == 0 or not verifier.check_consistency(old, roots[0], larger, roots[1], path)


@given(st.integers(0, 200), st.integers(0, 200))
@settings(max_examples=50, deadline=None)
def test_a_stored_tree_goes_on_where_it_stopped(first, more):
    data = data_of(first + more)
    tree = Tree()
    for leaf in data[:first]:
        tree.append(leaf.hex())
    resumed = Tree(size=tree.size, frontier=tree.frontier)
    for leaf in data[first:]:
        resumed.append(leaf.hex())

    assert resumed.root() == naive_root(data).hex()
    assert len(resumed.frontier) == (first + more).bit_count()


def test_a_stored_tree_of_another_size_is_refused():
    with pytest.raises(Refused, match="frontier of a tree of 3 leaves is 2 hashes"):
        Tree(size=3, frontier=["0" * 64])


# -- entries --------------------------------------------------------------------------------------------------


def test_the_hash_of_an_entry_is_that_of_its_lines():
    entry = Record().change("7")
    lines = (
        "labeling.qapair", "7", "1", "insert", "2026-11-21T12:00:01.123456Z", "3", "api", "req-1",
        sha256((entry["salt"] + entry["payload"]).encode()).hexdigest(), "0" * 64,
    )  # fmt: skip

    assert entry["entry_hash"] == sha256("\n".join(lines).encode()).hexdigest()


def test_nobody_is_hashed_as_an_empty_line():
    entry = Record().change("7", actor_id=None, door="")

    assert verifier.entry_hash(entry) == verifier.entry_hash({**entry, "actor_id": ""})


@pytest.mark.parametrize("value", ["a\nb", None, 7, 1.5, True, ["x"], "\ud800"], ids=repr)
def test_an_entry_with_an_ambiguous_field_is_not_hashed(value):
    entry = {**Record().change("7"), "request_id": value}

    with pytest.raises(Refused):
        verifier.entry_hash(entry)
    assert "cannot be hashed" in next(check_chains([entry])).problem


# -- tampering ------------------------------------------------------------------------------------------------

ROUNDS = 8


def chain_of(record: Record, entry: dict) -> list[dict]:
    return [each for each in record.rows if each["object_id"] == entry["object_id"]]


def chained_anew(chain: list[dict]) -> None:
    """What a careful forger does: every hash after the change is made to fit."""
    previous = verifier.ZEROS
    for entry in chain:
        if entry["payload"] is not None:
            entry["values_digest"] = verifier.values_digest(entry["salt"], entry["payload"])
        entry["previous"] = previous
        previous = entry["entry_hash"] = verifier.entry_hash(entry)


def chain_faults(record: Record) -> list[verifier.Fault]:
    return list(check_chains(record.rows))


def range_faults(record: Record) -> list[verifier.Fault]:
    return list(check_range(record.sealed, record.checkpoints))


@pytest.fixture(params=range(ROUNDS))
def record(request) -> Record:
    """Sealed records of different size and shape."""
    return filled(objects=3 + request.param, changes=30 + 5 * request.param, seed=request.param)


def test_an_untouched_record_holds(record):
    assert chain_faults(record) == []
    assert range_faults(record) == []
    assert list(verifier.check_checkpoints(record.checkpoints, record.keys, site=SITE)) == []
    assert list(verifier.check_keys(record.keys)) == []


OTHER_VALUES = {
    "kind": "labeling.canonicallabel",
    "object_id": "elsewhere",
    "version": 77,
    "operation": "delete",
    "recorded_at": "2026-11-20T12:00:00.000000Z",
    "actor_id": 4,
    "door": "admin",
    "request_id": "req-2",
    "values_digest": "ab" * 32,
    "previous": "cd" * 32,
    "entry_hash": "ef" * 32,
    "salt": "ab" * 16,
    "payload": '{"actor": "Eve"}',
}


@pytest.mark.parametrize("field", OTHER_VALUES)
def test_an_edited_field_is_found_in_its_entry(record, field):
    entry = record.random.choice(record.entries)
    entry[field] = OTHER_VALUES[field]

    faults = chain_faults(record)

    assert entry["id"] in {fault.entry_id for fault in faults}
    if field not in ("kind", "object_id", "version"):  # these also tear a gap at the entry that follows
        assert {fault.entry_id for fault in faults} == {entry["id"]}


@pytest.mark.parametrize(
    "field", [name for name in OTHER_VALUES if name not in ("entry_hash", "values_digest", "previous")]
)
def test_an_edited_field_with_its_hash_is_found_at_its_position(record, field):
    entry = record.random.choice(record.entries)
    entry[field] = OTHER_VALUES[field]
    entry["values_digest"] = verifier.values_digest(entry["salt"], entry["payload"])
    entry["entry_hash"] = verifier.entry_hash(entry)

    assert [fault.position for fault in range_faults(record)] == [entry["position"]]


def test_an_edited_entry_with_its_hash_is_found_by_its_successor(record):
    follower = record.random.choice([entry for entry in record.entries if entry["version"] > 1])
    entry = next(entry for entry in record.entries if entry["entry_hash"] == follower["previous"])
    entry["door"] = "admin"
    entry["entry_hash"] = verifier.entry_hash(entry)

    assert [(fault.entry_id, fault.problem) for fault in chain_faults(record)] == [
        (follower["id"], f"it does not continue version {entry['version']}: either was changed, with its hash")
    ]


def test_a_first_entry_that_continues_another_object_is_found(record):
    entry = next(entry for entry in record.entries if entry["version"] == 1)
    entry["previous"] = record.entries[-1]["entry_hash"]
    entry["entry_hash"] = verifier.entry_hash(entry)

    assert chain_faults(record)[0].entry_id == entry["id"]
    assert "it is the first version, yet names" in chain_faults(record)[0].problem


def test_an_edit_with_the_whole_chain_made_anew_is_found_at_its_first_position(record):
    entry = record.random.choice(record.entries)
    entry["payload"] = OTHER_VALUES["payload"]
    chain = chain_of(record, entry)
    chained_anew(chain)
    after = [each["position"] for each in chain if each["version"] >= entry["version"]]

    assert chain_faults(record) == []
    assert [fault.position for fault in range_faults(record)] == sorted(after)


def test_a_deleted_entry_is_found_by_its_successor_and_at_its_position(record):
    entry = record.random.choice(record.entries)
    follower = next((each for each in record.entries if each["previous"] == entry["entry_hash"]), None)
    record.entries.remove(entry)

    assert [fault.position for fault in range_faults(record)] == [entry["position"]]
    found = [(fault.entry_id, fault.problem) for fault in chain_faults(record)]
    assert found == ([(follower["id"], f"version {entry['version']} is missing")] if follower else [])


def test_a_chain_deleted_as_a_whole_is_found_at_its_positions(record):
    chain = chain_of(record, record.random.choice(record.entries))
    record.entries = [entry for entry in record.entries if entry not in chain]

    assert chain_faults(record) == []
    assert [fault.position for fault in range_faults(record)] == [entry["position"] for entry in chain]


def test_an_entry_put_between_two_is_found(record):
    entry = record.random.choice(record.entries)
    forged = {**entry, "id": 999, "payload": OTHER_VALUES["payload"], "position": None}
    forged["values_digest"] = verifier.values_digest(forged["salt"], forged["payload"])
    forged["entry_hash"] = verifier.entry_hash(forged)
    record.entries.insert(record.entries.index(entry) + 1, forged)

    faults = chain_faults(record)

    assert [(fault.entry_id, fault.problem) for fault in faults] == [
        (999, f"this version stands twice (also as entry {entry['id']})")
    ]


def test_an_entry_put_between_two_with_the_rest_renumbered_is_found_at_every_later_position(record):
    entry = record.random.choice(record.entries)
    later = [each for each in chain_of(record, entry) if each["version"] >= entry["version"]]
    for each in later:
        each["version"] += 1
    forged = {**entry, "id": 999, "version": entry["version"] - 1, "position": None}
    record.entries.append(forged)
    chained_anew(chain_of(record, entry))

    assert chain_faults(record) == []
    assert [fault.position for fault in range_faults(record)] == sorted(each["position"] for each in later)


def test_values_exchanged_between_two_entries_are_found_in_both(record):
    one, two = record.random.sample(record.entries, 2)
    for field in ("salt", "payload"):
        one[field], two[field] = two[field], one[field]

    assert {fault.entry_id for fault in chain_faults(record)} == {one["id"], two["id"]}


def test_two_versions_exchanged_are_found_in_both(record):
    chain = next(chain for entry in record.entries if len(chain := chain_of(record, entry)) > 2)
    one, two = record.random.sample(chain, 2)
    one["version"], two["version"] = two["version"], one["version"]

    assert {fault.entry_id for fault in chain_faults(record)} >= {one["id"], two["id"]}


def test_two_exchanged_positions_are_found_at_both(record):
    one, two = record.random.sample(record.entries, 2)
    one["position"], two["position"] = two["position"], one["position"]

    assert {fault.position for fault in range_faults(record)} == {one["position"], two["position"]}


def test_a_change_made_in_both_places_is_found_by_the_checkpoint_and_named_by_an_outside_copy(record):
    outside = list(record.leaves)
    entry = record.random.choice(record.entries)
    entry["payload"] = OTHER_VALUES["payload"]
    chained_anew(chain_of(record, entry))
    record.leaves = [now for _, now, _ in record.sealed]
    hit = next(checkpoint for checkpoint in record.checkpoints if checkpoint.size > entry["position"])

    inside = range_faults(record)

    assert inside[0].problem.startswith(f"checkpoint {hit.number}: the hashes at positions")
    assert len(inside) == (1 if hit is record.checkpoints[-1] else 2)
    with_copy = check_range(((place, now, outside[place]) for place, now, _ in record.sealed), record.checkpoints)
    assert next(with_copy).position == entry["position"]


def test_two_sealed_hashes_exchanged_in_both_places_are_found_by_the_checkpoint(record):
    one, two = sorted(record.random.sample(range(len(record.leaves)), 2))
    leaves = record.leaves
    leaves[one], leaves[two] = leaves[two], leaves[one]
    hit = next(checkpoint for checkpoint in record.checkpoints if checkpoint.size > one)

    faults = list(check_range(((place, leaf, leaf) for place, leaf in enumerate(leaves)), record.checkpoints))

    assert faults[0].problem.startswith(f"checkpoint {hit.number}: ")


def test_a_sealed_row_that_is_gone_is_named(record):
    position = record.random.randrange(1, len(record.leaves) - 1)
    sealed = [row for row in record.sealed if row[0] != position]

    faults = list(check_range(sealed, record.checkpoints))

    assert faults[0].position == position + 1
    assert faults[0].problem == f"position {position} is missing before it"
    assert "cannot hold" in faults[-1].problem


def test_a_record_that_lost_its_end_is_found(record):
    faults = list(check_range(record.sealed[:-4], record.checkpoints))

    assert len(faults) == 1
    assert "the last 4 are missing" in faults[0].problem


def test_a_record_that_lost_its_last_checkpoint_is_found(record):
    faults = list(check_range(record.sealed, record.checkpoints[:-1]))

    assert [fault.position for fault in faults] == [record.checkpoints[-2].size]
    assert "under no checkpoint" in faults[0].problem


def test_a_range_is_checked_from_a_stored_tree(record):
    first = record.checkpoints[0]
    start = Tree()
    for leaf in record.leaves[: first.size]:
        start.append(leaf)

    faults = check_range(record.sealed[first.size :], record.checkpoints[1:], Tree(start.size, start.frontier))

    assert list(faults) == []


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("recorded_at", "2026-11-21T12:00:00Z", "recorded_at is not a moment in UTC"),
        ("operation", "truncate", "its operation is none of insert, update, delete"),
    ],
)
def test_a_field_of_another_form_is_found_though_it_was_hashed_so(field, value, problem):
    entry = Record().change("1", **{field: value})

    assert [problem in fault.problem for fault in check_chains([entry])] == [True]


def test_entries_are_checked_one_at_a_time():
    record = filled()
    taken = []

    def entries():
        for number, entry in enumerate(record.rows):
            taken.append(number)
            yield {**entry, "door": "mcp"} if number == 5 else entry

    fault = next(check_chains(entries()))

    assert fault.entry_id == record.rows[5]["id"]
    assert len(taken) == 6


# -- erasure --------------------------------------------------------------------------------------------------


def test_a_record_holds_after_an_erasure(record):
    record.erase(record.random.choice(record.entries))

    assert chain_faults(record) == []
    assert range_faults(record) == []


def test_values_that_vanished_without_an_erasure_are_found(record):
    entry = record.random.choice(record.entries)
    entry["salt"] = entry["payload"] = None

    assert [(fault.entry_id, fault.problem) for fault in chain_faults(record)] == [
        (entry["id"], "its values are gone, and no erasure is on record")
    ]


@pytest.mark.parametrize(("salt", "payload"), [(None, "{}"), ("ab" * 16, None), ("", "{}"), ("AB" * 16, "{}")])
def test_half_of_the_values_is_a_fault(record, salt, payload):
    entry = record.random.choice(record.entries)
    entry["salt"], entry["payload"] = salt, payload

    assert {fault.entry_id for fault in chain_faults(record)} == {entry["id"]}


def test_text_moved_from_the_values_into_the_salt_is_found(record):
    entry = record.random.choice(record.entries)
    entry["salt"], entry["payload"] = entry["salt"] + entry["payload"][:4], entry["payload"][4:]

    assert verifier.values_digest(entry["salt"], entry["payload"]) == entry["values_digest"]
    assert [fault.entry_id for fault in chain_faults(record)] == [entry["id"]]


def test_an_erasure_that_left_the_values_is_found(record):
    entry = record.random.choice(record.entries)
    entry["erased"] = True

    assert [fault.entry_id for fault in chain_faults(record)] == [entry["id"]]


# -- checkpoints and keys -------------------------------------------------------------------------------------


def checkpoint_problems(record: Record) -> str:
    return "; ".join(map(str, verifier.check_checkpoints(record.checkpoints, record.keys, site=SITE)))


def test_every_field_of_a_checkpoint_is_signed():
    record = filled()
    second = record.checkpoints[1]
    fields = ("site", "number", "size", "root", "previous", "sealed_at", "key_id")
    said = {name: getattr(second, name) for name in fields}
    other = {
        "site": "ff",
        "number": 9,
        "size": 41,
        "root": "ab" * 32,
        "previous": "cd" * 32,
        "sealed_at": "2026-11-20T12:00:00.000000Z",
        "key_id": "ab" * 8,
    }
    for name in fields:
        body = verifier.checkpoint_body(**{**said, name: other[name]})
        record.checkpoints[1] = verifier.parse_checkpoint(body, second.signature)

        assert "checkpoint 2: " in checkpoint_problems(record) or name == "number", name
        assert "signature is not" in checkpoint_problems(record) or "not among the keys" in checkpoint_problems(record)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "workbench record checkpoint v1\n",
        "workbench record checkpoint v2\naa\n1\n0\n{h}\n{h}\n2026-11-21T12:00:00.123456Z\n{k}\n",
        "workbench record checkpoint v1\naa\n01\n0\n{h}\n{h}\n2026-11-21T12:00:00.123456Z\n{k}\n",
        "workbench record checkpoint v1\naa\n1\n٣\n{h}\n{h}\n2026-11-21T12:00:00.123456Z\n{k}\n",
        "workbench record checkpoint v1\naa\n1\n0\n{h}\n{h}\n2026-11-21T12:00:00.123456Z\n{k}\nmore\n",
        "workbench record checkpoint v1\naa\n1\n0\n{h}\n{h}\n2026-11-21T12:00:00.123456Z\n{k}",
    ],
)
def test_what_is_no_checkpoint_is_refused(body):
    with pytest.raises(Refused, match="not the body of a checkpoint"):
        verifier.parse_checkpoint(body.format(h="0" * 64, k="0" * 16))


def test_a_checkpoint_left_out_and_the_rest_renumbered_is_found():
    record = filled()
    third = record.checkpoints[2]
    said = {name: getattr(third, name) for name in ("site", "size", "root", "previous", "sealed_at", "key_id")}
    body = verifier.checkpoint_body(number=2, **said)
    record.checkpoints[1:] = [verifier.parse_checkpoint(body, record.private.sign(body.encode()).hex())]

    assert checkpoint_problems(record) == "checkpoint 2: it does not continue checkpoint 1"


def test_a_checkpoint_over_fewer_entries_than_before_is_found():
    record = filled()
    last = record.checkpoints[-1]
    said = {name: getattr(last, name) for name in ("site", "root", "sealed_at", "key_id")}
    body = verifier.checkpoint_body(number=4, size=10, previous=last.digest, **said)
    record.checkpoints.append(verifier.parse_checkpoint(body, record.private.sign(body.encode()).hex()))

    assert checkpoint_problems(record) == "checkpoint 4: it covers 10 entries, fewer than the 60 of checkpoint 3"
    assert "covers fewer entries than the one before it" in range_faults(record)[-1].problem


def test_checkpoints_in_another_order_or_of_another_site_are_found():
    record = filled()

    swapped = verifier.check_checkpoints(record.checkpoints[::-1], record.keys)
    elsewhere = verifier.check_checkpoints(record.checkpoints, record.keys, site="aa")

    assert "it comes after checkpoint 3" in str(next(swapped))
    assert "another installation" in str(next(elsewhere))


def test_a_rotated_key_is_vouched_for_by_the_one_before():
    record = filled()
    record.rotate()
    record.change("1")
    record.seal()

    assert checkpoint_problems(record) == ""
    assert list(verifier.check_keys(record.keys)) == []
    assert verifier.unendorsed(record.keys) == []
    assert verifier.vouched_for(record.keys, {record.keys[0].public_key}) == record.keys
    assert verifier.vouched_for(record.keys, {record.keys[1].public_key}) == record.keys[1:]


def test_the_successor_of_a_lost_key_is_no_fault_and_inherits_no_trust():
    record = filled()
    record.lose_key("the server burnt down")
    record.rotate()

    assert list(verifier.check_keys(record.keys)) == []
    assert [key.reason for key in verifier.unendorsed(record.keys)] == ["the server burnt down"]
    assert verifier.vouched_for(record.keys, {record.keys[0].public_key}) == record.keys[:1]
    assert verifier.vouched_for(record.keys, {record.keys[1].public_key}) == record.keys[1:]


def test_a_faulty_succession_of_keys_is_named():
    record = Record()
    record.rotate()
    first, second = record.keys
    forged = Record(seed=8).keys[0]
    problems = {
        "without a reason": [first, replace(second, endorsement="", previous_key_id="")],
        "endorsement is not by": [first, replace(second, endorsement="ab" * 64)],
        "its id is not": [replace(first, key_id="ab" * 8)],
        "not listed there": [forged, second],
        "listed twice": [first, replace(first, reason="again")],
    }

    for problem, keys in problems.items():
        assert problem in "; ".join(map(str, verifier.check_keys(keys))), problem


def test_a_replaced_key_signs_no_later_checkpoint():
    record = filled()
    old = record.private
    record.rotate()
    record.change("1")
    record.seal()
    record.private = old
    record.keys.append(record.keys.pop(0))  # so that the old key signs
    record.change("1")
    record.seal()
    record.keys.insert(0, record.keys.pop())

    assert "which key" in checkpoint_problems(record)
    assert "had replaced before" in checkpoint_problems(record)


# -- JSON of strangers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[1.0]", "it holds 1.0, which is no whole number"),
        (b"[NaN]", "it holds NaN, which is no whole number"),
        (b"[-Infinity]", "it holds -Infinity, which is no whole number"),
        (b"1" * 19, "a number of more than 18 digits"),
        (b'{"a": 1, "a": 1}', "an object names one field twice"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested too deeply"),
        (b"[" + b"[]," * 1_000_000 + b"[]]", "more than 1,000,000 lists and objects"),
        (b'"\xff"', "it is not JSON in UTF-8"),
        (b"", "it is not JSON in UTF-8"),
    ],
    ids=lambda value: str(value[:12]),
)
def test_what_readers_of_json_understand_differently_is_refused(text, problem):
    with pytest.raises(Refused, match=problem):
        verifier.parse_json(text, "keys.json")


def test_brackets_inside_text_are_no_lists():
    text = "[" * 1_000_001

    assert verifier.parse_json(f'["{text}", "a \\" ["]'.encode(), "keys.json") == [text, 'a " [']
