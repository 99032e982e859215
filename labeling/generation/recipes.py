"""What to apply to what: one generation, before there is any row for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from governance import access, derivations
from governance.errors import InvalidInput, WorkbenchError
from labeling.generation.errors import ColumnsMissing, LabelsetNotBound, NotPublishedYet
from labeling.generation.models import GenerationRecipe, Mode
from labeling.labelsets.models import LabelsetBinding, LabelsetVersion
from labeling.labelsets.selectors import labelset_for
from labeling.prompts.columns import check_columns
from labeling.prompts.files import check_file_columns
from labeling.prompts.filling import columns_of, prompts_of
from labeling.prompts.models import TemplateVersion
from workbench.catalogs.services import read_into_rows
from workbench.models import SheetVersion
from workbench.sheets import selectors as sheets
from workbench.sheets.definition import Definition

if TYPE_CHECKING:
    from governance.models import Derivation, User
    from labeling.usecases.models import UseCase
    from workbench.models import ModelEndpoint, Sheet


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One generation; the same fields as the rows that keep it."""

    sheet_version: SheetVersion
    template_version: TemplateVersion
    labelset_version: LabelsetVersion | None = None
    mode: str = Mode.AI_GENERATED
    endpoint: ModelEndpoint | None = None
    column: str = ""
    trusted_reason: str = ""
    sample_size: int | None = None
    check_when_done: bool = False
    use_case: UseCase | None = None

    @classmethod
    def of(cls, row: GenerationRecipe) -> Recipe:
        return cls(**{field.name: getattr(row, field.name) for field in fields(cls)})

    def as_fields(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def sheet(self) -> Sheet:
        return self.sheet_version.sheet

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema that answers follow."""
        return dict(self.template_version.output_schema)

    @property
    def label_type_id(self) -> str:
        return str(self.template_version.template.label_type_id)

    @property
    def model(self) -> ModelEndpoint:
        """The endpoint that is asked.

        :raises InvalidInput: none was chosen, or it is switched off.
        """
        if self.endpoint is None:
            raise InvalidInput("Choose the model that answers, or another mode.", field="endpoint")
        if not self.endpoint.is_active:
            raise InvalidInput(
                f"“{self.endpoint}” is switched off. Choose another endpoint.", field="endpoint"
            )
        return self.endpoint

    @property
    def columns(self) -> frozenset[str] | None:
        """The columns that pairs are made from; None: the template chooses while it is filled in, so all."""
        used = columns_of(self.template_version, self.sheet_version.column_names)
        return used if used is None or not self.column else used | {self.column}


def resolved(
    *, sheet: Sheet, template_version: TemplateVersion, sheet_version: SheetVersion | None = None, **more: Any
) -> Recipe:
    """A recipe with what follows from the rest: the Sheet's published version, its labelset, the endpoint.

    :raises InvalidInput: `sheet_version` is another Sheet's, whose rights and data are not those of `sheet`.
    """
    if sheet_version is not None and sheet_version.sheet_id != sheet.pk:
        raise InvalidInput(
            f"{sheet_version} is no version of “{sheet}”. Choose one of its own versions.", field="sheet_version"
        )
    bound = labelset_for(sheet, template_version.template.label_type_id)
    more["labelset_version"] = more.get("labelset_version") or bound
    if more.get("mode", Mode.AI_GENERATED) == Mode.AI_GENERATED and more.get("endpoint") is None:
        more["endpoint"] = template_version.endpoint
    more["column"] = (more.get("column") or "").strip()
    more["trusted_reason"] = (more.get("trusted_reason") or "").strip()
    return Recipe(
        sheet_version=sheet_version or sheets.published_version(sheet),
        template_version=template_version,
        **more,
    )


def check(recipe: Recipe, by: User) -> None:
    """:raises WorkbenchError: `by` may not use a part of it, or the parts do not fit; `field` names which."""
    _check_rights(recipe, by)
    _check_published(recipe)
    _check_labelset(recipe)
    _check_mode(recipe)
    _check_columns(recipe)
    if recipe.sample_size is not None and recipe.sample_size < 1:
        raise InvalidInput(
            f"{recipe.sample_size} is no sample size; expected 1 or more.", field="sample_size"
        )


def _check_rights(recipe: Recipe, by: User) -> None:
    access.require(by, "workbench.view_sheet", recipe.sheet)
    access.require(by, "labeling.view_prompttemplate", recipe.template_version.template)
    if recipe.endpoint is not None:
        access.require(by, "workbench.view_modelendpoint", recipe.endpoint)
    if recipe.use_case is not None:
        access.require(by, "labeling.view_usecase", recipe.use_case)
    if recipe.check_when_done:
        access.require(by, "labeling.add_finding")


def _check_published(recipe: Recipe) -> None:
    versions = {
        "sheet": recipe.sheet_version,
        "template_version": recipe.template_version,
        "labelset_version": recipe.labelset_version,
    }
    for field, version in versions.items():
        if version is not None and version.status != "published":
            raise NotPublishedYet(
                f"{version} is {version.status}; pairs are made from published versions only.", field=field
            )


def _check_labelset(recipe: Recipe) -> None:
    version = recipe.labelset_version
    if version is None:
        return
    bindings = LabelsetBinding.objects.filter(sheet=recipe.sheet, label_type=recipe.label_type_id)
    if not bindings.filter(labelset=version.labelset_id).exists():
        raise LabelsetNotBound(
            f"{version} does not answer for {recipe.label_type_id} on Sheet “{recipe.sheet}”. Bind it on the "
            "labelset's page, or leave it out to take the one that is bound.",
            field="labelset_version",
        )


def _check_mode(recipe: Recipe) -> None:
    if recipe.mode not in Mode.values:
        raise InvalidInput(
            f"{recipe.mode!r} is no mode; expected one of: {', '.join(Mode.values)}.", field="mode"
        )
    if recipe.mode == Mode.AI_GENERATED:
        _ = recipe.model
    if recipe.mode == Mode.EXISTING_COLUMN:
        _check_answer_column(recipe)
    elif recipe.column or recipe.trusted_reason:
        field = "column" if recipe.column else "trusted_reason"
        raise InvalidInput(f"Mode {recipe.mode} reads no answer column; leave this empty.", field=field)


def _check_answer_column(recipe: Recipe) -> None:
    names = recipe.sheet_version.column_names
    if recipe.column not in names:
        raise InvalidInput(
            f"{recipe.column!r} is no column of “{recipe.sheet}”; it has: {', '.join(names)}.", field="column"
        )


def _check_columns(recipe: Recipe) -> None:
    names = recipe.sheet_version.column_names
    try:
        for prompt in prompts_of(recipe.template_version):
            check_columns(prompt, names)
    except WorkbenchError as error:
        raise ColumnsMissing(error.message, field="template_version", details=error.details) from error
    if missing := sorted(set(recipe.template_version.file_columns) - set(names)):
        raise ColumnsMissing(
            f"The template attaches files from {', '.join(missing)}; “{recipe.sheet}” has no such column.",
            field="template_version",
        )
    check_file_columns(recipe.template_version.file_columns, recipe.sheet_version, field="template_version")


def read_tags(recipe: Recipe, by: User | None) -> None:
    """Read the tags of everything that the Sheet version reads again, so that a new one binds at once."""
    version = recipe.sheet_version
    read_into_rows(connection=version.sheet.connection, by=by, refs=Definition.of(version).refs)


def derivation_of(recipe: Recipe) -> Derivation:
    """What every pair of this recipe is made from."""
    columns = recipe.columns
    template = recipe.template_version.template
    labelset = [recipe.labelset_version.labelset] if recipe.labelset_version else []
    return derivations.derivation_of(
        [*sheets.parents_for(recipe.sheet_version, columns), template, *labelset],
        scope={
            "sheet": str(recipe.sheet.pk),
            "sheet_version": str(recipe.sheet_version.pk),
            "template": str(template.pk),
            "template_version": str(recipe.template_version.pk),
            "columns": sorted(columns) if columns is not None else "all",
        },
    )
