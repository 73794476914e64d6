"""Everything that Dagster shows of one platform home.

The home is ``$PLATFORM_HOME``; without that the working directory if it is a home, as it is for ``dg``
inside one; else ``.platform``. Where there is none yet, the shipped examples are shown, so that there
is something to look at; their steps fail with the command that makes the home.
"""

import os
import warnings
from pathlib import Path
from types import ModuleType

import dagster as dg
from dagster.components.core.component_tree import ComponentTree
from dagster_duckdb import DuckDBResource

import platform_assets
from platform_assets.declarations.loading import load_feeds
from platform_assets.orchestration.component import feed_definitions
from platform_assets.orchestration.lanes import lane_definitions
from platform_assets.orchestration.names import names_of
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform
from platform_assets.settings import SETTINGS_FILE, home_directory, load_settings

#: The shipped examples, each a folder with a ``defs.yaml``.
EXAMPLES = Path(platform_assets.__file__).parent / "examples"

#: The database of the catalogue, in the home.
CATALOGUE_FILE = "catalogue.duckdb"


def definitions_for(home: Path) -> dg.Definitions:
    """Return the definitions of a home, or of the shipped examples where there is no home.

    Raises:
        SettingsInvalid, DeclarationInvalid, ContractInvalid: all mistakes, with file, line and remedy.
    """
    resources = {
        "platform": PlatformResource(home=str(home)),
        "duckdb": DuckDBResource(database=str(home / CATALOGUE_FILE)),
    }
    declared = home_feeds(home) if (home / SETTINGS_FILE).is_file() else example_feeds()
    return dg.Definitions.merge(
        declared,
        lane_definitions(),
        dg.Definitions(resources=resources, executor=dg.in_process_executor),
    )


def home_feeds(home: Path) -> dg.Definitions:
    """Return what stands in the home's folder of feeds, other Dagster components included."""
    # The component loader would wrap a mistake into its own error; here it is raised as it is.
    for feed in Platform.open(home).feeds.values():
        names_of(feed)
    folder = home / load_settings(home).defs
    if not folder.is_dir() or not any(folder.iterdir()):
        return dg.Definitions()
    tree = ComponentTree(defs_module=_folder_as_module(folder), project_root=home)
    with warnings.catch_warnings():
        # Dagster's component loader warns of its own use of its own beta features.
        warnings.simplefilter("ignore", dg.BetaWarning)
        # Of the folder only: the whole tree also describes every component type of every installed
        # library, which imports all of them and takes seconds.
        return tree.build_defs(folder)


def example_feeds() -> dg.Definitions:
    """Return the shipped examples, for a home that does not exist yet."""
    feeds = load_feeds(EXAMPLES)
    return dg.Definitions.merge(*(feed_definitions(feed, EXAMPLES) for feed, _ in feeds.values()))


def home_in_use() -> Path:
    """Return the home that the surrounding command means."""
    here = Path.cwd()
    if not os.environ.get("PLATFORM_HOME") and (here / SETTINGS_FILE).is_file():
        return here
    return home_directory(None)


def _folder_as_module(folder: Path) -> ModuleType:
    # The component tree wants a module. The folder is not imported, because two homes in one process
    # would then share whatever the first of them left in sys.modules.
    module = ModuleType("defs")
    module.__path__ = [str(folder)]
    module.__file__ = None
    return module


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of the home in use; this is what the code location loads."""
    return definitions_for(home_in_use())
