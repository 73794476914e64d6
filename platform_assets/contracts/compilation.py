"""Compiling a contract for the validator.

Validators differ in how they resolve references between documents with ids of several kinds. So that
the validator and the columns always mean the same schema, every reference is resolved here and written
as the address of its target, and ids and anchors are taken out.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.contracts.documents import Library, Place

#: Stands in the validator's messages for every value of a record.
MASK = "the value"
_IDENTITIES = ("$id", "$anchor", "$dynamicAnchor")


def compile_validator(root: Place, library: Library) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a whole document; formats are asserted, nothing is fetched.

    Raises:
        ContractInvalid: the schema does not compile.
    """
    return _compiled({"$ref": root.document.uri}, root, library)


def compile_parts(
    parts: Iterable[Place], root: Place, library: Library
) -> jsonschema_rs.Draft202012Validator:
    """Return the validator of a value inside a document that meets all of the given schemas."""
    references = [{"$ref": f"{part.document.uri}#{part.fragment}"} for part in parts]
    return _compiled({"allOf": references}, root, library)


def _compiled(
    schema: dict[str, Any], root: Place, library: Library
) -> jsonschema_rs.Draft202012Validator:
    documents = library.documents().values()
    resources = {d.uri: _resolved(library.root(d), library) for d in documents}
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            registry=jsonschema_rs.Registry(resources.items()),
            validate_formats=True,
            ignore_unknown_formats=False,
            offline=True,
            mask=MASK,
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise root.error(
            "",
            expected="a schema that compiles",
            found=str(error).splitlines()[0],
            remedy="Correct the schema.",
        ) from error


def _resolved(root: Place, library: Library) -> Any:
    """Return the document with every reference written as the address of its target."""
    whole = copy.deepcopy(root.schema)
    for place in root.everything():
        if not isinstance(place.schema, dict):
            continue
        node = _at(whole, place.where)
        for keyword in _IDENTITIES:
            node.pop(keyword, None)
        if "$ref" in place.schema:
            target = library.follow(place)[0]
            if isinstance(target.schema, bool):  # true and false have no place of their own
                del node["$ref"]
                node["allOf"] = [*node.get("allOf", ()), target.schema]
            else:
                node["$ref"] = f"{target.document.uri}#{target.fragment}"
    return whole


def _at(value: Any, where: str) -> Any:
    for step in where.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value
