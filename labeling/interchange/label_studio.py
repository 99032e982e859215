"""Label Studio's JSON: a list of tasks with annotations; boxes in percent of the picture, the rest by kind of field."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from governance.errors import InvalidInput, WorkbenchError
from labeling.interchange.boxes import number_of, picture_name, place_losses
from labeling.interchange.port import Format, Incoming, Misfit, Outgoing, Size, Tally
from labeling.interchange.shapes import Box, Field, Shape
from labeling.interchange.whole_json import json_of

ITEM, PICTURE, ABOUT = "item_ref", "image", "workbench"
# Kind of result → the kinds of field that it can fill.
FILLS = {
    "rectanglelabels": ("boxes",), "choices": ("choice", "many", "boolean"), "taxonomy": ("choice", "many"),
    "textarea": ("text",), "number": ("number",), "rating": ("number",),
}  # fmt: skip
KINDS = {kind for kinds in FILLS.values() for kind in kinds}


class LabelStudio(Format):
    """Boxes, choices, texts and numbers; confidence and notes travel in each task's `meta`."""

    slug, label, suffix, content_type = "label_studio", "Label Studio", ".json", "application/json"
    cannot = frozenset(
        {"annotations", "box_fields", "classes", "empty", "fields", "ignored", "older", "outlines", "pictures",
         "provenance", "rounded", "scores"}
    )  # fmt: skip

    def unfit(self, shape: Shape) -> str:
        if not shape.is_object or not any(_has_place(one, shape) for one in shape.fields):
            return "none of the fields of these answers is a box, choice, text or number"
        return ""

    def needs_pictures(self, shape: Shape) -> bool:
        return shape.boxes is not None

    def left_out(self, label: Outgoing, shape: Shape) -> Iterable[str]:
        yield "provenance"
        parts = shape.parts(label.data)
        placed = {one.name: one for one in shape.fields if _has_place(one, shape)}
        if any(name not in placed for name in parts):
            yield "fields"
        if any(parts[name] in (None, []) and not one.when_absent() for name, one in placed.items() if name in parts):
            yield "empty"
        yield from (loss for loss in place_losses(label, shape) if loss != "empty")

    def read(self, content: bytes, shape: Shape, losses: Counter[str]) -> Iterator[Incoming | Misfit]:
        tasks = json_of(content, expected="a list of tasks as Label Studio exports it (JSON)")
        if not isinstance(tasks, list):
            raise InvalidInput("The file is no list of tasks; export from Label Studio as JSON.", field="file")
        for number, task in enumerate(tasks, 1):
            if (found := _entry(f"task {number:,}", task, shape, losses)) is not None:
                yield found

    def write(self, labels: Iterable[Outgoing], shape: Shape, tally: Tally) -> Iterator[bytes]:
        yield b"["
        for label in labels:
            yield (b",\n" if tally.written else b"\n") + json.dumps(
                _task(tally.written + 1, label, shape), ensure_ascii=False
            ).encode()
            tally.written += 1
        yield b"]\n"


def _has_place(field: Field, shape: Shape) -> bool:
    return field is shape.boxes if field.kind == "boxes" else field.kind in KINDS


def _task(number: int, label: Outgoing, shape: Shape) -> dict[str, Any]:
    data = {ITEM: label.item_ref, **({PICTURE: label.file_name} if label.file_name else {})}
    results = [{"id": f"{number}-{place}", **result} for place, result in enumerate(_results(label, shape, data), 1)]
    return {
        "id": number,
        "data": data,
        "annotations": [{"id": number, "result": results}],
        "meta": {ABOUT: {"confidence": label.confidence, "notes": label.notes}},
    }


def _results(label: Outgoing, shape: Shape, data: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    parts = shape.parts(label.data)
    about = PICTURE if PICTURE in data else ITEM
    for field in shape.fields:
        value = parts.get(field.name)
        if value is None or not _has_place(field, shape):
            continue
        names = {"from_name": field.name, "to_name": about}
        if field.kind == "boxes":
            yield from (names | _rectangle(box, label.size or (1, 1)) for box in shape.boxes_of(label.data))
        elif field.kind == "text":
            yield names | {"type": "textarea", "value": {"text": [value]}}
        elif field.kind == "number":
            yield names | {"type": "number", "value": {"number": value}}
        elif value != []:
            chosen = value if field.kind == "many" else [json.dumps(value) if field.kind == "boolean" else value]
            yield names | {"type": "choices", "value": {"choices": chosen}}


def _rectangle(box: Box, size: Size) -> dict[str, Any]:
    width, height = size
    return {
        "type": "rectanglelabels",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {
            "x": box.x * 100 / width,
            "y": box.y * 100 / height,
            "width": box.width * 100 / width,
            "height": box.height * 100 / height,
            "rotation": 0,
            "rectanglelabels": [box.name],
        },
    }


def _entry(where: str, task: Any, shape: Shape, losses: Counter[str]) -> Incoming | Misfit | None:
    """None for a task that nobody has answered yet."""
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict) or not isinstance(task.get("annotations"), list):
        return Misfit(where, "", "is no task; expected an object with data and annotations")
    item = picture_name(data, ITEM)
    file_name = "" if item else picture_name(data, PICTURE, "ocr", "url").rpartition("=")[2].partition("?")[0]
    if not item and not file_name:
        return Misfit(where, "", f"names no item; expected {ITEM} or {PICTURE} in its data")
    answered = [one for one in task["annotations"] if isinstance(one, dict) and not one.get("was_cancelled")]
    if not answered:
        return None
    try:
        return _incoming(where, item, file_name, task, answered, shape, losses)
    except WorkbenchError as error:
        return Misfit(where, item or file_name, error.message)


def _incoming(
    where: str,
    item: str,
    file_name: str,
    task: Mapping[str, Any],
    answered: Sequence[Mapping[str, Any]],
    shape: Shape,
    losses: Counter[str],
) -> Incoming:
    newest = max(answered, key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))
    losses["annotations"] += len(answered) - 1
    results = newest.get("result")
    if not isinstance(results, list):
        raise InvalidInput("its annotation has no list of results")
    reading = _Reading(shape, losses)
    for place, result in enumerate(results, 1):
        reading.take(result, f"result {place:,}")
    about = _object(_object(task.get("meta")).get(ABOUT))
    is_asked = shape.boxes is not None and (reading.boxes or shape.boxes.is_required)
    boxes = tuple(reading.boxes) if is_asked else None
    return Incoming(
        where=where,
        item_ref=item,
        file_name=file_name,
        data=reading.parts if boxes is not None else shape.answer(reading.parts),
        boxes=boxes,
        unit=100,
        size=reading.size,
        confidence=about.get("confidence"),
        notes=about.get("notes"),
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


class _Reading:
    """The results of one annotation, field by field."""

    def __init__(self, shape: Shape, losses: Counter[str]) -> None:
        self.shape = shape
        self.losses = losses
        self.parts: dict[str, Any] = {}
        self.boxes: list[Box] = []
        self.size: Size | None = None

    def take(self, result: Any, where: str) -> None:
        if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
            raise InvalidInput(f"{where} is no object with a value")
        kind, value = str(result.get("type")), result["value"]
        field = self._field_for(kind, result.get("from_name"))
        if field is None:
            self.losses["outlines" if kind in {"polygonlabels", "brushlabels"} else "ignored"] += 1
        elif field.kind == "boxes":
            self._take_box(result, value, where)
        else:
            self._take_value(field, kind, value.get("taxonomy" if kind == "taxonomy" else _KEY.get(kind, kind)), where)

    def _field_for(self, kind: str, name: object) -> Field | None:
        """The field of this name; where none has it, the only one that this kind of result can fill."""
        fitting = [one for one in self.shape.fields if one.kind in FILLS.get(kind, ()) and _has_place(one, self.shape)]
        named = [one for one in fitting if one.name == name]
        is_other = any(one.name == name for one in self.shape.fields)
        return named[0] if named else fitting[0] if len(fitting) == 1 and not is_other else None

    def _take_box(self, result: Mapping[str, Any], value: Mapping[str, Any], where: str) -> None:
        names = value.get("rectanglelabels")
        if not isinstance(names, list) or len(names) != 1 or not isinstance(names[0], str):
            raise InvalidInput(f"{where} has the classes {str(names)[:80]}; expected one")
        if value.get("rotation") or result.get("image_rotation"):
            raise InvalidInput(f"{where} is turned, and boxes here stand straight")
        x, y, width, height = (number_of(value.get(key), where) for key in ("x", "y", "width", "height"))
        self.losses["scores"] += "score" in result
        size = (result.get("original_width"), result.get("original_height"))
        if all(type(side) is int and side > 0 for side in size):
            self.size = size  # type: ignore[assignment]  # looked at above
        self.boxes.append(Box(names[0], x, y, width, height))

    def _take_value(self, field: Field, kind: str, value: Any, where: str) -> None:
        found = value if isinstance(value, list) else [value]
        if kind == "taxonomy":
            found = [_leaf(path, field, where) for path in found]
        if field.kind == "many":
            self.parts[field.name] = [*self.parts.get(field.name, []), *found]
            return
        if len(found) != 1 or field.name in self.parts:
            raise InvalidInput(f"{where} gives {field.name} {len(found)} values, or a further one; expected one")
        self.parts[field.name] = _truth(found[0]) if field.kind == "boolean" else found[0]


_KEY = {"textarea": "text"}  # where the value of a kind is called otherwise than the kind


def _truth(word: Any) -> Any:
    return {"true": True, "false": False}.get(word, word) if isinstance(word, str) else word


def _leaf(path: Any, field: Field, where: str) -> str:
    """The class that a path of a taxonomy means: its last step that the schema knows as one, or all of it."""
    steps = [str(step) for step in path] if isinstance(path, list) else [str(path)]
    for name in (steps[-1] if steps else "", " / ".join(steps), "/".join(steps), " > ".join(steps)):
        if name in field.options:
            return name
    raise InvalidInput(f"{where} has the path {' / '.join(steps)[:120]!r}, which names no option of {field.name}")
