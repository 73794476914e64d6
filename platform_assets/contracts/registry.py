"""Event contracts, read from folders of JSON Schema files.

A contract is named by the path of its file below a root, for example
``payments/authorisation.v1.json``; where two roots have the same path, the first root's file counts.
A contract carries the text of every document that it needs, so that a stored configuration rebuilds
the same contract, with the same columns in the same order, on a machine without the folders.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from platform_assets.contracts.compilation import compile_validator
from platform_assets.contracts.derivation import derive_columns
from platform_assets.contracts.documents import BASE_URI, Library, Place, SchemaDocument
from platform_assets.contracts.soundness import check_soundness
from platform_assets.errors import ContractInvalid, UnknownThing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import jsonschema_rs

    from platform_assets.contracts.columns import Column


@dataclass(frozen=True)
class Contract:
    """The contract of one event type.

    ``documents`` holds the verbatim text of every schema it needs, by address. ``additional`` says
    whether undeclared properties are allowed; then the last column is ``_additional``.
    """

    ref: str
    documents: Mapping[str, str]
    columns: tuple[Column, ...]
    additional: bool
    root: Place = field(repr=False, compare=False)
    library: Library = field(repr=False, compare=False)

    @classmethod
    def from_documents(cls, ref: str, documents: Mapping[str, str]) -> Contract:
        """Rebuild a contract from a stored configuration.

        Raises:
            ContractInvalid: the documents are not those of a usable contract.
        """
        read = {
            uri: SchemaDocument.read(uri, uri.removeprefix(BASE_URI), text)
            for uri, text in documents.items()
        }
        if _uri(ref) not in read:
            raise ContractInvalid(
                ref,
                expected="its schema among the documents",
                found=", ".join(sorted(read)) or "none",
                remedy="Restore the configuration record from a copy of the evidence.",
            )
        return _build(ref, read)

    @cached_property
    def validator(self) -> jsonschema_rs.Draft202012Validator:
        """The compiled validator. Its messages never quote the record."""
        return compile_validator(self.root, self.library)


class ContractRegistry:
    """All contracts below some folders."""

    def __init__(self, documents: Mapping[str, SchemaDocument | ContractInvalid]) -> None:
        """Take each file by its path below a root: read, or the error of reading it."""
        self._documents = documents

    @classmethod
    def load(cls, roots: Sequence[Path]) -> ContractRegistry:
        """Read every ``*.json`` below the folders. A broken file only counts when it is needed."""
        documents: dict[str, SchemaDocument | ContractInvalid] = {}
        for root in roots:
            for path in sorted(root.rglob("*.json")):
                ref = path.relative_to(root).as_posix()
                if ref not in documents:
                    documents[ref] = _read_file(ref, path)
        return cls(documents)

    def refs(self) -> tuple[str, ...]:
        """Return the names of all files, in order."""
        return tuple(sorted(self._documents))

    def contract(self, ref: str) -> Contract:
        """Return one contract.

        Raises:
            UnknownThing: no root has that file.
            ContractInvalid: the file, or one that it refers to, cannot be used.
        """
        found = self._documents.get(ref)
        if found is None:
            raise UnknownThing(
                f"contract {ref!r}",
                expected="a schema file below the contract folders",
                found=", ".join(self.refs()) or "no schema files at all",
                remedy="Correct the name, or put the file there.",
            )
        if isinstance(found, ContractInvalid):
            raise found
        usable = {d.uri: d for d in self._documents.values() if isinstance(d, SchemaDocument)}
        self._refuse_shared_identity(usable)
        return _build(ref, _closure(found, usable))

    def _refuse_shared_identity(self, documents: Mapping[str, SchemaDocument]) -> None:
        owners: dict[str, SchemaDocument] = {}
        for document in documents.values():
            other = owners.setdefault(document.identity, document)
            if other is not document:
                raise document.error(
                    "/$id",
                    expected="an $id that no other file has",
                    found=f"{document.identity}, which is also that of {other.file}",
                    remedy="Give each file its own $id.",
                )


def _uri(ref: str) -> str:
    return BASE_URI + quote(ref)


def _read_file(ref: str, path: Path) -> SchemaDocument | ContractInvalid:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return ContractInvalid(
            f"{path}:1", expected="UTF-8", found=str(error), remedy="Save the file as UTF-8."
        )
    try:
        return SchemaDocument.read(_uri(ref), str(path), text)
    except ContractInvalid as error:
        return error


def _closure(
    root: SchemaDocument, usable: Mapping[str, SchemaDocument]
) -> dict[str, SchemaDocument]:
    """Return the document and all that it refers to, by every address used to find them."""
    library = Library(usable)
    needed = {root.uri: root}
    waiting = [root]
    while waiting:
        place = library.root(waiting.pop())
        check_soundness(place)
        for inner in place.everything():
            if not isinstance(inner.schema, dict) or "$ref" not in inner.schema:
                continue
            target, alias = library.follow(inner)
            if alias is not None:
                needed[alias] = target.document
            if target.document.uri not in needed:
                needed[target.document.uri] = target.document
                waiting.append(target.document)
    return needed


def _build(ref: str, documents: Mapping[str, SchemaDocument]) -> Contract:
    library = Library(documents)
    for document in documents.values():
        check_soundness(library.root(document))
    root = library.root(documents[_uri(ref)])
    columns, additional = derive_columns(root, library)
    texts: dict[str, Any] = {uri: documents[uri].text for uri in sorted(documents)}
    contract = Contract(ref, texts, columns, additional, root, library)
    _ = contract.validator  # compiled now, so that a schema that does not compile is refused here
    return contract
