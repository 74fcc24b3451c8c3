"""The az CLI of Debian's package azure-cli, started as /usr/bin/az does, with the emulator as its cloud."""

import os
import runpy

from azure.cli.core.auth.identity import Identity

# MSAL asks login.microsoftonline.com about an authority that Microsoft does not run, such as the emulator's.
msal_arguments = Identity._msal_app_kwargs.fget
Identity._msal_app_kwargs = property(lambda self: {**msal_arguments(self), "instance_discovery": False})

os.environ["AZ_INSTALLER"] = "DEB"
runpy.run_module("azure.cli", run_name="__main__")
