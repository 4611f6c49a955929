"""The command line, `crm-bridge`: one module for each command or family of commands."""

from bridge.cli.program import main

__all__ = ["main"]
