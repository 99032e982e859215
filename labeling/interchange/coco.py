"""COCO: images, annotations and categories in one JSON object; boxes as [x, y, width, height] in pixels."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, cast

from governance.errors import InvalidInput, WorkbenchError
from labeling.interchange.boxes import box_losses, no_boxes, number_of, picture_name
from labeling.interchange.port import LOSSES, Format, Incoming, Misfit, Outgoing, Size, Tally
from labeling.interchange.shapes import Box, BoxKeys, Shape
from labeling.interchange.whole_json import json_of

OUTLINE = "segmentation"
IN_MEMORY = 16 * 2**20  # bytes of annotations before they go to the disk; images stand before them in the file
# What tools write into an annotation and a box has no place for, with the loss that it is.
BESIDE = {OUTLINE: "outlines", "score": "scores", "keypoints": "ignored", "caption": "ignored"}


class Coco(Format):
    """Boxes of pictures. Fields of a box beyond class and place are its `attributes`."""

    slug, label, suffix, content_type = "coco", "COCO", ".json", "application/json"
    cannot = frozenset(
        {"classes", "confidence", "empty", "fields", "ignored", "notes", "older", "outlines", "pictures",
         "provenance", "rounded", "scores"}
    )  # fmt: skip

    def unfit(self, shape: Shape) -> str:
        return no_boxes(shape)

    def needs_pictures(self, shape: Shape) -> bool:
        return True

    def left_out(self, label: Outgoing, shape: Shape) -> Iterable[str]:
        yield from (loss for loss in box_losses(label, shape) if loss != "box_fields")
        if any(OUTLINE in box.more and not box.more[OUTLINE] for box in shape.boxes_of(label.data)):
            yield "empty"

    def read(self, content: bytes, shape: Shape, losses: Counter[str]) -> Iterator[Incoming | Misfit]:
        found = json_of(content, expected="one JSON object in COCO's format")
        images, annotations, categories = _tables(found)
        names = {_key(one): one.get("name") for one in categories if isinstance(one, dict)}
        by_image: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        known = {_key(image) for image in images if isinstance(image, dict)}
        for number, annotation in enumerate(annotations, 1):
            image_id = json.dumps(annotation.get("image_id")) if isinstance(annotation, dict) else ""
            if image_id not in known:
                words = f"is of no image of the file ({image_id[:80] or 'no object'})"
                yield Misfit(f"annotation {number:,}", "", words)
                continue
            by_image[image_id].append((number, annotation))
        for number, image in enumerate(images, 1):
            yield _entry(number, image, by_image, names, shape, losses)

    def write(self, labels: Iterable[Outgoing], shape: Shape, tally: Tally) -> Iterator[bytes]:
        keys = _keys(shape)
        numbers = {name: number for number, name in enumerate(keys.classes, 1)}
        with cast("IO[bytes]", tempfile.SpooledTemporaryFile(IN_MEMORY)) as annotations:
            yield b'{"images": ['
            count = 0
            for label in labels:
                yield (b",\n" if tally.written else b"\n") + _json(_image(tally.written + 1, label))
                tally.written += 1
                for box in shape.boxes_of(label.data):
                    count += 1
                    written = _annotation(count, tally.written, numbers[box.name], box)
                    annotations.write((b",\n" if count > 1 else b"\n") + _json(written))
            yield b'],\n"annotations": ['
            annotations.seek(0)
            while piece := annotations.read(2**16):
                yield piece
        categories = [{"id": number, "name": name} for name, number in numbers.items()]
        yield b'],\n"categories": ' + _json(categories) + b',\n"info": ' + _json(_info(tally)) + b"}\n"


def _info(tally: Tally) -> dict[str, Any]:
    lost = {LOSSES[key]: count for key, count in sorted(tally.losses.items()) if count}
    return {"description": "Labels of the Workbench", "labels": tally.written, "not_carried_over": lost}


def _image(number: int, label: Outgoing) -> dict[str, Any]:
    width, height = label.size or (0, 0)
    return {
        "id": number,
        "file_name": label.file_name,
        "width": width,
        "height": height,
        "item_ref": label.item_ref,
    }


def _annotation(number: int, image: int, category: int, box: Box) -> dict[str, Any]:
    written = {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [box.x, box.y, box.width, box.height],
        "area": box.width * box.height,
        "iscrowd": 0,
        OUTLINE: box.more.get(OUTLINE, []),
    }
    more = {key: value for key, value in box.more.items() if key != OUTLINE}
    return {**written, "attributes": more} if more else written


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _keys(shape: Shape) -> BoxKeys:
    if shape.boxes is None or shape.boxes.keys is None:
        raise InvalidInput(f"COCO does not fit: {no_boxes(shape)}.", field="format")
    return shape.boxes.keys


def _tables(found: Any) -> tuple[list[Any], list[Any], list[Any]]:
    if not isinstance(found, dict) or not isinstance(found.get("images"), list):
        raise InvalidInput("The file is no COCO file; expected an object with images and annotations.", field="file")
    tables = [found.get(name, []) for name in ("images", "annotations", "categories")]
    if not all(isinstance(table, list) for table in tables):
        raise InvalidInput("The file's images, annotations and categories must be lists.", field="file")
    for name, table in (("images", tables[0]), ("categories", tables[2])):
        ids = [_key(one) for one in table if isinstance(one, dict)]
        if len(set(ids)) < len(ids):
            twice = next(key for key, count in Counter(ids).items() if count > 1)
            raise InvalidInput(f"The file's {name} have the id {twice[:80]} twice; give each its own.", field="file")
    return tables[0], tables[1], tables[2]


def _key(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry.get("id"))


def _entry(
    number: int,
    image: Any,
    by_image: Mapping[str, list[tuple[int, Any]]],
    names: Mapping[str, Any],
    shape: Shape,
    losses: Counter[str],
) -> Incoming | Misfit:
    where = f"image {number:,}"
    if not isinstance(image, dict) or not picture_name(image, "item_ref", "file_name"):
        return Misfit(where, "", "names no picture; expected an object with id and file_name")
    ref, file_name = str(image.get("item_ref") or ""), str(image.get("file_name") or "")
    try:
        boxes = [_box(place, one, names, _keys(shape), losses) for place, one in by_image.get(_key(image), ())]
    except WorkbenchError as error:
        return Misfit(where, ref or file_name, error.message)
    size = _size(image)
    return Incoming(where=where, item_ref=ref, file_name=file_name, boxes=tuple(boxes), size=size)


def _size(image: Mapping[str, Any]) -> Size | None:
    width, height = image.get("width"), image.get("height")
    return (width, height) if type(width) is int and type(height) is int and width and height else None


def _box(
    number: int, annotation: Mapping[str, Any], names: Mapping[str, Any], keys: BoxKeys, losses: Counter[str]
) -> Box:
    where = f"annotation {number:,}"
    name = names.get(json.dumps(annotation.get("category_id")))
    if not isinstance(name, str):
        raise InvalidInput(f"{where} has the category {annotation.get('category_id')!r}, which the file does not name")
    x, y, width, height = _bbox(where, annotation)
    attributes = annotation.get("attributes")
    more = {key: value for key, value in (attributes or {}).items() if key in keys.more}
    if isinstance(attributes, dict) and len(more) < len(attributes):
        losses["ignored"] += 1
    for key, loss in BESIDE.items():
        if key in keys.more and annotation.get(key):
            more[key] = annotation[key]
        elif annotation.get(key):
            losses[loss] += 1
    return Box(name, x, y, width, height, more)


def _bbox(where: str, annotation: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """As the annotation says, or around its polygons where it says none."""
    given = annotation.get("bbox")
    if given is None and isinstance(annotation.get(OUTLINE), list) and annotation[OUTLINE]:
        points = [number_of(value, where) for polygon in annotation[OUTLINE] for value in _listed(polygon, where)]
        xs, ys = points[0::2], points[1::2]
        if len(xs) == len(ys):
            return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    if not isinstance(given, list) or len(given) != 4:
        raise InvalidInput(f"{where} has the bbox {str(given)[:80]}; expected [x, y, width, height]")
    x, y, width, height = (number_of(value, where) for value in given)
    return x, y, width, height


def _listed(polygon: Any, where: str) -> list[Any]:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise InvalidInput(f"{where} has a segmentation that is no list of polygons [x, y, x, y, x, y, …]")
    return polygon
