#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys
from getpass import getuser

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workbench.settings")
    from django.core.management import execute_from_command_line

    from governance import context

    # What a command changes is on record as done by the account of the operating system that ran it.
    reason = " ".join(["manage.py", *sys.argv[1:2]])
    with context.acting(user=None, door="command", reason=reason, account=getuser()):
        execute_from_command_line(sys.argv)
