"""Where each record stands in the store.

Paths are built here and nowhere else, from names that were checked. A folder of a run holds all that
the run wrote; the feed's log, the configurations, the log of closures and the revocations stand
beside the runs, because they outlive or precede them.
"""

from __future__ import annotations

from platform_assets.identifiers import RunId, check_name


def configuration_path(config_digest: str) -> str:
    """Return the path of a configuration by its digest."""
    return f"configs/{config_digest.removeprefix('sha256:')}.json"


def feed_log(feed: str) -> str:
    """Return the folder of a feed's anchors."""
    return f"feeds/{check_name(feed, 'feed')}"


def anchors_path(run: RunId) -> str:
    """Return the path of a run's anchors in its feed's log."""
    return f"{feed_log(run.feed)}/{run.sequence:08d}.json"


def run_folder(run: RunId) -> str:
    """Return the folder of everything that a run wrote."""
    return f"runs/{run}"


def staging_key_path(run: RunId) -> str:
    """Return the path of the wrapped key that encrypts the landing and admission of a run."""
    return f"{run_folder(run)}/staging_key.json"


def landing_folder(run: RunId, stream: str) -> str:
    """Return the folder of a stream's landed parts."""
    return f"{run_folder(run)}/landing/{check_name(stream, 'stream')}"


def landing_receipt_path(run: RunId, stream: str) -> str:
    """Return the path of a stream's landing receipt."""
    return f"{landing_folder(run, stream)}.json"


def admission_folder(run: RunId, stream: str) -> str:
    """Return the folder of a stream's admitted, duplicate and quarantined rows."""
    return f"{run_folder(run)}/admission/{check_name(stream, 'stream')}"


def admission_receipt_path(run: RunId, stream: str) -> str:
    """Return the path of a stream's admission receipt."""
    return f"{admission_folder(run, stream)}.json"


def settled_receipt_path(run: RunId, stream: str, receipt_digest: str) -> str:
    """Return the path of a receipt that is settled under its digest, before it stands at its own."""
    return f"{admission_folder(run, stream)}/receipts/{receipt_digest.removeprefix('sha256:')}.json"


def settlement_log(feed: str, stream: str) -> str:
    """Return the folder of a stream's settlement log."""
    return f"settlements/{check_name(feed, 'feed')}/{check_name(stream, 'stream')}"


def settlement_path(feed: str, stream: str, number: int) -> str:
    """Return the path whose creation settles a run as the next one of a stream."""
    return f"{settlement_log(feed, stream)}/{number:08d}.json"


def product_folder(run: RunId, product: str) -> str:
    """Return the folder of all generations of a product."""
    return f"{run_folder(run)}/products/{check_name(product, 'product')}"


def generation_folder(run: RunId, product: str, generation: int) -> str:
    """Return the folder of one generation: its claim, its parts and its manifest."""
    return numbered(product_folder(run, product), generation)


def numbered(generations: str, generation: int) -> str:
    """Return the folder of one generation below the folder of all."""
    return f"{generations}/{generation:04d}"


def claim_in(generation: str) -> str:
    """Return the path whose creation claims the generation of that folder."""
    return f"{generation}/claim.json"


def manifest_in(generation: str) -> str:
    """Return the path of the manifest in the folder of a generation."""
    return f"{generation}/manifest.json"


def generation_claim_path(run: RunId, product: str, generation: int) -> str:
    """Return the path whose creation claims a generation."""
    return claim_in(generation_folder(run, product, generation))


def manifest_path(run: RunId, product: str, generation: int) -> str:
    """Return the path of a generation's manifest."""
    return manifest_in(generation_folder(run, product, generation))


def profile_path(run: RunId, product: str, profile_digest: str) -> str:
    """Return the path of the profile that manifests of a product name by its digest."""
    name = profile_digest.removeprefix("sha256:")
    return f"{run_folder(run)}/profiles/{check_name(product, 'product')}/{name}.json"


def baselines_folder(feed: str, product: str) -> str:
    """Return the folder of a product's baselines, outside its runs because it outlives them."""
    return f"baselines/{check_name(feed, 'feed')}/{check_name(product, 'product')}"


def baseline_path(feed: str, product: str, number: int) -> str:
    """Return the path of one signed baseline; a number is taken once."""
    return f"{baselines_folder(feed, product)}/{number:04d}.json"


def certificate_folder(run: RunId, product: str, generation: int) -> str:
    """Return the folder of the certificates that were issued for a generation."""
    return f"{run_folder(run)}/certificates/{check_name(product, 'product')}/{generation:04d}"


def certificate_path(run: RunId, product: str, generation: int, issue: int) -> str:
    """Return the path of one signed certificate; the newest issue counts."""
    return f"{certificate_folder(run, product, generation)}/{issue:04d}.json"


def compactions_folder(feed: str, product: str) -> str:
    """Return the folder of everything that compaction wrote of a product."""
    return f"compactions/{check_name(feed, 'feed')}/{check_name(product, 'product')}"


def day_folder(feed: str, product: str, day: str) -> str:
    """Return the folder of all generations of a product of a day."""
    return f"{compactions_folder(feed, product)}/{day}"


def day_certificate_folder(feed: str, product: str, day: str, generation: int) -> str:
    """Return the folder of the certificates that were issued for a generation of a day."""
    return f"{day_folder(feed, product, day)}/certificates/{generation:04d}"


def slices_path(run: RunId, product: str, generation: int) -> str:
    """Return the path of the signed record of how a product of a run divides into days."""
    folder = compactions_folder(run.feed, product)
    return f"{folder}/slices/{run.sequence:08d}/{generation:04d}.json"


def consumption_path(run: RunId, consumer: str, generation: int) -> str:
    """Return the path of the record of what a consumer read for one generation of its output."""
    return f"{run_folder(run)}/consumers/{check_name(consumer, 'consumer')}/{generation:04d}.json"


def closure_folder(run: RunId) -> str:
    """Return the folder of claims, beats and seals."""
    return f"{run_folder(run)}/closure"


def evidence_folder(run: RunId, epoch: int) -> str:
    """Return the folder of the evidence written under one epoch."""
    return f"{run_folder(run)}/evidence/{epoch:04d}"


def revocation_folder(run: RunId, product: str) -> str:
    """Return the folder of a product's revocations, outside the run because a run does not change."""
    return f"revocations/{run}/{check_name(product, 'product')}"


def revocation_path(run: RunId, product: str, generation: int, issue: int) -> str:
    """Return the path of the revocation of one certificate, numbered as the certificate is."""
    return f"{revocation_folder(run, product)}/{generation:04d}/{issue:04d}.json"


def announcement_path(run: RunId, event_id: str) -> str:
    """Return the path of the record that an event was announced; it is no part of the evidence."""
    return f"{run_folder(run)}/announcements/{event_id}.json"


def announced_path(run: RunId) -> str:
    """Return the path of the record that nothing up to this run is left to be announced."""
    return f"announced/{check_name(run.feed, 'feed')}/{run.sequence:08d}.json"


def teardown_folder(run: RunId) -> str:
    """Return the folder of a run's teardowns, outside the run because a closed run does not change."""
    return f"teardowns/{run}"


def teardown_path(run: RunId, number: int, *, done: bool) -> str:
    """Return the path of the statement with which a teardown begins, or is done."""
    return f"{teardown_folder(run)}/{number:04d}{'.done' if done else ''}.json"


def supersession_path(run: RunId) -> str:
    """Return the path of the signed record that a later run corrects this one, outside the run."""
    return f"supersessions/{run}/0001.json"
