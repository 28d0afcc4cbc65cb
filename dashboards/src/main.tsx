import { render } from "preact";
import { App } from "./app";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/controls.css";
import "./styles/tables.css";
import "./styles/shipment.css";
import "./styles/checks.css";
import "./styles/states.css";
import "./styles/narrow.css";
import "./styles/chart.css";
import "./styles/evidence.css";
import "./styles/compliance.css";

render(<App />, document.getElementById("app")!);
