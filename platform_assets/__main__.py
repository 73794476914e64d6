"""``python -m platform_assets`` is the command line."""

from platform_assets.cli import main

main()
