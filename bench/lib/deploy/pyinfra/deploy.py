"""What a deploy of mlxfleet verifies on a host, and brings about where it is not so. A second run changes nothing."""

from pyinfra import host
from pyinfra.operations import files, server

data = host.data
release = f"{data.root}/releases/{data.release}"

if data.form == "archive":
    archive = f"{data.root}/incoming/{data.release}.tgz"
    sent = files.put(name="The release is sent", src=data.archive, dest=archive)
    server.shell(
        name="The release is there",
        commands=[f"tar -xzf {archive} -C {data.root}/releases"],
        _if=sent.did_change,
    )
    server.shell(
        name="All its files are as they were made",
        commands=[f"cd {release} && sha256sum --check --quiet files.sha256"],
    )
else:
    files.sync(name="The files of the release", src=data.content, dest=release)
configured = files.put(
    name="The configuration",
    src=data.configuration,
    dest=f"{data.root}/shared/config.yaml",
    mode="600",
)
surrounded = files.put(
    name="The environment",
    src=data.environment_file,
    dest=f"{data.root}/shared/environment.json",
    mode="600",
)
switched = files.link(
    name="The current release",
    path=f"{data.root}/current",
    target=f"releases/{data.release}",
)


def changed() -> bool:
    """Tells, once the operations before have run, whether the service has to be restarted."""
    return configured.did_change() or surrounded.did_change() or switched.did_change()


server.shell(
    name="The service runs the current release",
    commands=[f"{data.root}/service.sh restart"],
    _if=changed,
)
server.shell(
    name="The service answers",
    commands=[f"{data.root}/service.sh check"],
    _if=lambda: not changed(),
)
