"""Runs commands of the az CLI for the shell scripts of a test, each in a fork of this process.

An `az` takes about a second to start, most of it for the import of the CLI. Here it is imported once. client.py connects to
the Unix socket in argv[1] and sends its arguments, its environment and its standard streams. The fork runs the command with
them and answers with the exit code. With AZ_PARSE_ONLY in its environment, the CLI parses a command and does not execute it.
The process ends when its standard input ends.
"""

import json
import os
import signal
import socket
import sys
import threading

from azure.cli.core import get_default_cli
from azure.cli.core.auth.identity import Identity
from azure.mgmt.authorization.v2018_01_01_preview.operations import RoleDefinitionsOperations
from azure.mgmt.authorization.v2020_04_01_preview.operations import RoleAssignmentsOperations
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS

# Imported before the first fork, so that no command has to.
import azure.cli.command_modules.identity.custom  # noqa: F401
import azure.cli.command_modules.resource.custom  # noqa: F401
import azure.cli.command_modules.role.custom  # noqa: F401

# MSAL asks login.microsoftonline.com about an authority that Microsoft does not run, such as the emulator's.
msal_arguments = Identity._msal_app_kwargs.fget
Identity._msal_app_kwargs = property(lambda self: {**msal_arguments(self), "instance_discovery": False})

# Debian 12 has the CLI together with a newer azure-mgmt-authorization, in which this attribute has another name.
for operations in (RoleDefinitionsOperations, RoleAssignmentsOperations):
    operations.config = property(lambda self: self._config)


def stop_after_parsing(cli_ctx, **_):
    raise SystemExit(0)


def run(arguments):
    try:
        cli = get_default_cli()
        if os.environ.get("AZ_PARSE_ONLY"):
            cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, stop_after_parsing)
        return cli.invoke(arguments)
    except SystemExit as end:
        return end.code or 0


def serve(connection):
    message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    request = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    code = run(request["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code or 0).encode())
    os._exit(0)


signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while True:
    connection, _ = listener.accept()
    if os.fork() == 0:
        listener.close()
        serve(connection)
    connection.close()
