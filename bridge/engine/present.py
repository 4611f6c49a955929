"""What is in use right now: the configuration and the outlets. A reload swaps it in one step."""

from bridge.configuration.model import Configuration
from bridge.outbound.outlet import Outlets


class Present:
    """The current configuration; everything that reads it reads it here, once for each piece of work."""

    def __init__(self, configuration: Configuration, outlets: Outlets) -> None:
        self.configuration = configuration
        self.outlets = outlets
        outlets.configure(configuration.destinations)
