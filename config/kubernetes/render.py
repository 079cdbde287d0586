"""Generates Kubernetes manifests from the rules and dashboards of this repository, so that they exist only once.

    python3 config/kubernetes/render.py FOLDER

prometheusrule.yaml is for the Prometheus operator; dashboards.yaml holds ConfigMaps with the label that Grafana's sidecar selects.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = ("recording", "alerts")
RULE_HEAD = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: rotewatch-{name}
  labels:
    app.kubernetes.io/name: rotewatch
spec:
"""


def rule(name: str) -> str:
    """Returns a file of rules in the format of the operator: the same text, indented."""
    lines = (ROOT / f"config/prometheus/{name}.rules.yml").read_text().splitlines()
    return RULE_HEAD.format(name=name) + "".join(f"  {line}".rstrip() + "\n" for line in lines)


def config_map(path: Path) -> str:
    """Returns a dashboard as a ConfigMap. JSON is valid YAML."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"rotewatch-{path.stem}",
            "labels": {"app.kubernetes.io/name": "rotewatch", "grafana_dashboard": "1"},
            "annotations": {"grafana_folder": "rotewatch"},
        },
        "data": {path.name: path.read_text()},
    }
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes both files."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheusrule.yaml").write_text("---\n".join(rule(name) for name in RULES))
    dashboards = sorted((ROOT / "dashboards").glob("*.json"))
    (folder / "dashboards.yaml").write_text("---\n".join(config_map(path) for path in dashboards))


main()
