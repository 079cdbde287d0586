"""Writes the dashboards for import: Grafana asks for the data source, so they need no variable for it.

    python3 dashboards/share.py FOLDER
"""

import json
import sys
from pathlib import Path

INPUT = "DS_PROMETHEUS"


def shared(dashboard: dict) -> dict:
    """Returns the dashboard with its data source as an input of the import."""
    text = json.dumps(dashboard).replace("?${datasource:queryparam}&", "?").replace("${datasource}", "${" + INPUT + "}")
    dashboard = json.loads(text)
    variables = dashboard["templating"]["list"]
    dashboard["templating"]["list"] = [variable for variable in variables if variable["type"] != "datasource"]
    kinds = sorted({panel["type"] for panel in dashboard["panels"]} - {"row"})
    return {
        "__inputs": [
            {
                "name": INPUT,
                "label": "Prometheus",
                "description": "The Prometheus that scrapes rotewatch.",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "9.0.0"},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
            *({"type": "panel", "id": kind, "name": kind, "version": ""} for kind in kinds),
        ],
        **dashboard,
    }


def main() -> None:
    """Writes every dashboard in this folder."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(__file__).parent.glob("*.json")):
        written = json.dumps(shared(json.loads(path.read_text())), indent=2, ensure_ascii=False)
        (folder / path.name).write_text(written + "\n")


main()
