"""Writes what Kubernetes takes from the rules and the dashboards of this repository, so that there is one of each.

    python3 config/kubernetes/render.py FOLDER

prometheusrule.yaml is for the Prometheus operator; dashboards.yaml holds ConfigMaps with the label that Grafana's sidecar looks for.
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
    """A file of rules as the operator takes it: the same text, further to the right."""
    lines = (ROOT / f"config/prometheus/{name}.rules.yml").read_text().splitlines()
    return RULE_HEAD.format(name=name) + "".join(f"  {line}".rstrip() + "\n" for line in lines)


def config_map(path: Path) -> str:
    """A dashboard as a ConfigMap. JSON is YAML."""
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
