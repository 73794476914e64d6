"""Every error a user can meet, by outcome.

A refusal says that a gate, a check or a verification said no (exit code 1). A configuration error is
a mistake in what the user wrote (exit code 2). An unknown outcome or an unreachable dependency means:
look again, delete nothing (exit code 3). Calling things in the wrong order is none of these; it is a
`RuntimeError`.

Each error names the thing, what was expected, what was found and what to do. The class name is the
error's code in every log, record and JSON answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class PlatformError(Exception):
    """The base of all errors that users meet."""

    exit_code: ClassVar[int] = 2

    def __init__(
        self, thing: str, *, expected: str, found: str | Sequence[str], remedy: str
    ) -> None:
        self.thing = thing
        self.expected = expected
        #: Each finding by itself, where there can be several.
        self.findings = () if isinstance(found, str) else tuple(found)
        self.found = found if isinstance(found, str) else "; ".join(found)
        self.remedy = remedy
        super().__init__(f"{thing}: expected {expected}, found {self.found}. {remedy}")

    @property
    def code(self) -> str:
        """The stable name of this kind of error."""
        return type(self).__name__

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by fields, because Dagster and process pools move errors between processes."""
        found = self.findings or self.found
        return (_rebuild, (type(self), self.thing, self.expected, found, self.remedy))

    def as_json(self) -> dict[str, Any]:
        """Return the fields as the command line's ``--json`` prints them."""
        findings = {"findings": list(self.findings)} if self.findings else {}
        return {
            "error": self.code,
            "thing": self.thing,
            "expected": self.expected,
            "found": self.found,
            "remedy": self.remedy,
            **findings,
        }


def _rebuild(
    kind: type[PlatformError], thing: str, expected: str, found: str | Sequence[str], remedy: str
) -> PlatformError:
    return kind(thing, expected=expected, found=found, remedy=remedy)


# --- outcomes ------------------------------------------------------------------------------------


class Refusal(PlatformError):
    """A gate, check, requirement, threshold or verification said no."""

    exit_code = 1


class ConfigurationError(PlatformError):
    """What the user wrote cannot be used: a command, a name, a declaration, a schema, a setting."""

    exit_code = 2


class UnknownOutcome(PlatformError):
    """It cannot be told whether the act took effect. Look before trying again; delete nothing."""

    exit_code = 3


class DependencyUnreachable(PlatformError):
    """Something outside the platform did not answer. This is never taken for "no new data"."""

    exit_code = 3


#: They are no findings about what was looked at: nothing could be seen of it.
OUTAGES = (DependencyUnreachable, UnknownOutcome)


def is_outage(kind: type[PlatformError]) -> bool:
    """Tell whether trying again can change the answer, without anybody doing anything."""
    return issubclass(kind, OUTAGES)


class SpillExhausted(Refusal):
    """A step needs more room for what does not fit in memory; nothing of it was published."""


class MemoryExceeded(Refusal):
    """A step needs more memory than its budget; nothing of it was published."""


class WorkerLost(DependencyUnreachable):
    """A worker process of a step died, for example killed by the system for want of memory."""


class JobFailed(DependencyUnreachable):
    """A job of another engine did not start, or did not end well; nothing of it was published."""


class StoreUnwritable(DependencyUnreachable):
    """The store cannot take an object now, for example a full disk; nothing was written."""


class StoreDenied(DependencyUnreachable):
    """An object store does not let this client in, or does not allow it what it asked for."""


class AnswerAltered(DependencyUnreachable):
    """An object store's answer is not what was stored: it was cut short or altered on its way."""


# --- names, declarations, schemas ----------------------------------------------------------------


class Usage(ConfigurationError):
    """The command line itself cannot be understood: a missing argument, an unknown option."""


class InvalidName(ConfigurationError):
    """A name that may not stand in a path, for example one that climbs out of a folder."""


class UnknownThing(ConfigurationError):
    """A feed, stream, product, consumer or run that is not declared or not recorded."""


class DeclarationInvalid(ConfigurationError):
    """A feed's YAML is wrong; the error names file and line."""


class ContractInvalid(ConfigurationError):
    """An event contract is not a usable JSON Schema; the error names file and line."""


class CredentialMissing(ConfigurationError):
    """A credential that a declaration refers to is not where it says."""


class SettingsInvalid(ConfigurationError):
    """The platform home or its settings cannot be used."""


class EngineMissing(ConfigurationError):
    """What a declared engine needs is not installed, or cannot be used for that product."""


class ConsumerFailed(Refusal):
    """A consumer's function, or a user's own check, raised or returned something unusable."""


# --- records -------------------------------------------------------------------------------------


class RecordNotCanonical(Refusal):
    """A record's bytes are not canonical JSON: they were edited or damaged."""


class RecordInvalid(Refusal):
    """A record does not meet the schema of its kind."""


class RecordMissing(Refusal):
    """A record that the step needs does not exist."""


class RecordConflict(Refusal):
    """A create-only record exists with other content than the one to be written."""


class ObjectMissing(Refusal):
    """The store holds nothing at that path."""


class AlreadyExists(Refusal):
    """A create-only write met an object that exists. Callers read it and decide."""


# --- anchors and landing -------------------------------------------------------------------------


class ChainBroken(Refusal):
    """The feed's log does not link: anchors name another predecessor than the one before."""


class OffsetExpired(Refusal):
    """The source no longer holds the first anchored record; it was deleted by retention."""


class OffsetTruncated(Refusal):
    """The source ends before the anchored end: records were lost or the source was recreated."""


class SourceChanged(Refusal):
    """The source is not the one the anchors were pinned on."""


class StreamRecreated(SourceChanged):
    """A stream was deleted and made anew under the same name."""


class ClusterChanged(SourceChanged):
    """Another cluster, or another account, answers behind the same address."""


class GapUnproven(Refusal):
    """Records are missing between the anchors and nothing proves why."""


class SourceUnreachable(DependencyUnreachable):
    """A stream cannot be read now. It is an outage, not an empty stream."""


class SourceDenied(SourceUnreachable):
    """A stream does not let this client in, or does not let it read."""


class RecordsRefused(Refusal):
    """Records that were to be sent to a stream do not stand in it; the error says which and why."""


class PredecessorOpen(Refusal):
    """An earlier run, which this one has to take into account, is not closed yet."""


class LandingInconsistent(Refusal):
    """Landed files do not match their receipt."""


class AdmissionInconsistent(Refusal):
    """Delivered records do not equal admitted plus duplicate plus quarantined."""


# --- the gate ------------------------------------------------------------------------------------


class GateRefusal(Refusal):
    """The base of every reason not to open a product."""


class ProductMissing(GateRefusal):
    """No generation of the product exists in that run."""


class GenerationPending(GateRefusal):
    """A newer generation has been claimed and is not complete: a rebuild is under way."""


class ManifestInvalid(GateRefusal):
    """The manifest is absent, not canonical, or not valid for its schema."""


class ManifestForeign(GateRefusal):
    """The manifest belongs to another product, run or generation than the one asked for."""


class AnchorsUnproven(GateRefusal):
    """The run's anchors do not exist or do not belong to the feed's chain."""


class CertificateMissing(GateRefusal):
    """Nothing certifies this manifest."""


class CertificateInvalid(GateRefusal):
    """The certificate is not a well-formed signed statement of its kind."""


class CertificateForeign(GateRefusal):
    """The certificate names another product, run, generation or manifest digest."""


class CertificateFailed(GateRefusal):
    """The certificate's verdict is FAIL."""


class CertificateRevoked(GateRefusal):
    """The certificate has been revoked."""


class SignatureMissing(GateRefusal):
    """The certificate carries no signature."""


class SignatureInvalid(GateRefusal):
    """A signature does not verify over the signed bytes."""


class SignerUntrusted(GateRefusal):
    """The signature was made by a key that is not trusted here."""


class PolicyChanged(GateRefusal):
    """The product's declared checks are not those it was certified under."""


class CheckSetEmpty(GateRefusal):
    """The certificate lists no checks. An empty set proves nothing."""


class CheckSetIncomplete(GateRefusal):
    """The certificate lacks an observation for a declared check."""


class PartMissing(GateRefusal):
    """A part that the manifest lists is not in the store."""


class PartAltered(GateRefusal):
    """A part's size or SHA-256 differs from the manifest."""


class PartUnlisted(GateRefusal):
    """The generation's folder holds a file that the manifest does not list."""


class ProductRemoved(GateRefusal):
    """The product's parts were deleted by a teardown, which left a signed record."""


class PartNotRegular(GateRefusal):
    """A part is a link or something else than a regular file inside the store."""


class DayStale(GateRefusal):
    """The runs that a compacted day was made of do not count as they did then."""


class ScopeViolation(GateRefusal):
    """A consumer asked for a product outside its run and not of a closed run."""


class KeyMissing(GateRefusal):
    """A wrapping key is not here, so that nothing can be decrypted with it."""


class KeyDenied(GateRefusal):
    """The key service does not let this process use a wrapping key for this purpose."""


class KeyInvalid(GateRefusal):
    """A wrapped key does not open: it was changed, moved, or wrapped by another key."""


class KeyServiceUnreachable(DependencyUnreachable):
    """The key service did not answer."""


# --- certification, consumption and closure ------------------------------------------------------


class CompactionInconsistent(Refusal):
    """Slices of certified products do not merge to what they have to be."""


class ColumnsDiffer(Refusal):
    """Rows that belong together have columns that do not fit together."""


class CertificationFailed(Refusal):
    """At least one check of the product did not pass; the certificate says FAIL."""


class GenerationConflict(Refusal):
    """The generation is being written by another process with other content."""


class RunSealed(Refusal):
    """The run is closed and does not change. A correction is a new run."""


class RunSuperseded(Refusal):
    """The run is corrected already; of each window only the newest run can be corrected."""


class RunOpen(Refusal):
    """The run is not closed yet, so that it has no evidence."""


class ClosureRefused(Refusal):
    """At least one requirement of the closure is not met; the error lists all of them."""


class RunFailed(Refusal):
    """A step of a run failed in Dagster; the error lists every failed step."""


class ClaimHeld(UnknownOutcome):
    """Another closer holds the run's claim and is alive. Its outcome is not known yet."""


class ClosureUnknown(UnknownOutcome):
    """The store did not say whether the seal was written. Look again; delete nothing."""


class SecretFound(Refusal):
    """What would leave the platform, or last for ever, holds a secret value."""


class DataRemoved(Refusal):
    """Data that was asked for was deleted by a teardown, which left a signed record."""


class RemovalDenied(Refusal):
    """The store does not let a part be deleted, for example under an object lock."""


# --- the index of truth ledgers ------------------------------------------------------------------


class IndexMissing(ConfigurationError):
    """The database holds no index of truth ledgers, or one of another version."""


class IndexUnreachable(DependencyUnreachable):
    """The index of truth ledgers did not answer. Adding a run again shows whether it was added."""


class IndexDenied(IndexUnreachable):
    """The index of truth ledgers does not let this role in, or does not let it do what it asked for."""


class EntriesRefused(Refusal):
    """Entries are not those of the run that they are added as, or cannot stand in the index."""


# --- announcements -------------------------------------------------------------------------------


class AnnouncementRefused(Refusal):
    """The control topic does not take what was to be announced."""


class NotAnnounced(UnknownOutcome):
    """What was waited for was not announced in time, or nothing that was announced is true."""


# --- verification --------------------------------------------------------------------------------


class VerificationFailed(Refusal):
    """The evidence does not verify; the error lists every finding."""


class EvidenceInconsistent(Refusal):
    """A seal and the evidence that it names do not belong together."""


class BundleUnreadable(Refusal):
    """What was given is not an evidence bundle or an archive of one."""


class CheckpointInvalid(Refusal):
    """What was given is no checkpoint of the closure log, or no known key of the log signed it."""


class CheckpointUnconnected(Refusal):
    """Nothing that was given shows how a checkpoint and the evidence belong to one log."""


class LogInconsistent(Refusal):
    """The closure log was cut, rewritten or forked; the error lists everything that is wrong."""


# --- lanes ---------------------------------------------------------------------------------------


class LanesDiffer(Refusal):
    """Two runs of lanes cannot be compared: they were not of the same lane, profile and workload."""


class LaneUnderWay(Refusal):
    """Another lane runs in this home; two at once would measure each other. Nothing was begun."""


class LaneEnded(Refusal):
    """A lane was ended before its verdict, because it took more than its plan allows."""


class LaneInterrupted(UnknownOutcome):
    """A lane was interrupted before its verdict; all of its processes were ended."""


class FaultNotInjected(DependencyUnreachable):
    """A fault cannot be made to strike on this machine; nothing was done."""
