from pathlib import Path

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
MANIFESTS = [
    (path.name, document)
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
WORKLOADS = [document for _, document in MANIFESTS if document["kind"] in ("Deployment", "Job")]
SECRETS_OF_THE_OWNER = {"medbook-owner"}


def name_of(document):
    return f"{document['kind']}-{document['metadata']['name']}"


def find(kind, name):
    (found,) = [
        document
        for _, document in MANIFESTS
        if document["kind"] == kind and document["metadata"]["name"] == name
    ]
    return found


def pod_of(workload):
    return workload["spec"]["template"]["spec"]


def containers_of(workload):
    pod = pod_of(workload)
    return pod["containers"] + pod.get("initContainers", [])


each_workload = pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)


@pytest.mark.parametrize("document", [one for _, one in MANIFESTS], ids=name_of)
def test_every_manifest_fits_the_schemas_of_kubernetes(document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_kustomization_lists_every_file():
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())

    assert sorted(kustomization["resources"]) == sorted({name for name, _ in MANIFESTS})


def test_every_role_has_its_workload():
    roles = {container["args"][0] for one in WORKLOADS for container in containers_of(one)}

    assert roles == {"web", "api", "worker", "beat", "prepare"}


@each_workload
def test_runs_as_an_ordinary_user_without_the_clusters_token(workload):
    pod = pod_of(workload)

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] >= 10000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


@each_workload
def test_containers_cannot_write_or_gain_rights(workload):
    for container in containers_of(workload):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@each_workload
def test_containers_say_what_they_need_and_what_they_may_use(workload):
    for container in containers_of(workload):
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}


@each_workload
def test_selects_the_pods_it_makes(workload):
    labels = workload["spec"]["template"]["metadata"]["labels"]

    if workload["kind"] == "Deployment":
        assert workload["spec"]["selector"]["matchLabels"] == labels
    assert labels == {"app.kubernetes.io/component": workload["metadata"]["name"]}


@each_workload
def test_mounts_what_it_declares_and_keeps_the_owners_secret_for_the_migration(workload):
    volumes = {volume["name"]: volume for volume in pod_of(workload)["volumes"]}
    (container,) = containers_of(workload)
    secrets = {one["secret"]["secretName"] for one in volumes.values() if "secret" in one}

    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert (secrets >= SECRETS_OF_THE_OWNER) == (workload["kind"] == "Job")


@each_workload
def test_no_secret_stands_in_the_environment(workload):
    for container in containers_of(workload):
        for variable in container.get("env", []):
            assert variable["name"].endswith("_FILE")


def test_no_secret_stands_in_the_files():
    assert "Secret" not in {document["kind"] for _, document in MANIFESTS}
    for name, value in find("ConfigMap", "medbook")["data"].items():
        if name.endswith(("_URL_FILE", "_KEY_FILE", "_KEYS_FILE")):
            assert value.startswith("/run/secrets/medbook/")
        assert not name.endswith(("_KEY", "_KEYS", "DATABASE_URL", "REDIS_URL", "EMAIL_URL"))


@pytest.mark.parametrize("name", ["web", "api"])
def test_serves_only_when_ready_and_lives_on_without_the_database(name):
    (container,) = containers_of(find("Deployment", name))

    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_is_started_again_when_it_hangs(name):
    (container,) = containers_of(find("Deployment", name))

    assert container["livenessProbe"]["exec"]["command"]


def test_beat_is_single_also_during_an_update():
    spec = find("Deployment", "beat")["spec"]

    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    assert not [one for _, one in MANIFESTS if name_of(one) == "HorizontalPodAutoscaler-beat"]


def test_web_keeps_three_and_is_never_emptied():
    assert find("Deployment", "web")["spec"]["replicas"] == 3
    assert find("HorizontalPodAutoscaler", "web")["spec"]["minReplicas"] == 3
    assert find("PodDisruptionBudget", "web")["spec"]["minAvailable"] == 2
    assert find("Deployment", "web")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_nothing_is_reached_unless_allowed():
    policy = find("NetworkPolicy", "default-deny")["spec"]

    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for _, document in MANIFESTS:
        if document["kind"] == "NetworkPolicy":
            assert {} not in document["spec"].get("ingress", [])
            assert {} not in document["spec"].get("egress", [])


@pytest.mark.parametrize("name", ["web", "api"])
def test_services_and_ingress_lead_to_the_pods(name):
    (container,) = containers_of(find("Deployment", name))
    service = find("Service", name)["spec"]
    paths = find("Ingress", "medbook")["spec"]["rules"][0]["http"]["paths"]

    assert service["selector"] == {"app.kubernetes.io/component": name}
    assert service["ports"][0]["targetPort"] in {port["name"] for port in container["ports"]}
    assert name in {path["backend"]["service"]["name"] for path in paths}
