"""`python -m bridge` is `crm-bridge`."""

from bridge.cli import main

if __name__ == "__main__":
    main()
