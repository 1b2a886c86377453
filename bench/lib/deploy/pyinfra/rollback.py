"""Back to a release that is on the host already."""

from pyinfra import host
from pyinfra.operations import files, server

root = host.data.root
switched = files.link(
    name="The current release",
    path=f"{root}/current",
    target=f"releases/{host.data.release}",
)
server.shell(
    name="The service runs the current release",
    commands=[f"{root}/service.sh restart"],
    _if=switched.did_change,
)
