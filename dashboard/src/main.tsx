// The page that `rhaid serve` gives out.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "uplot/dist/uPlot.min.css";
import { adoptToken } from "./api/client";
import { startTheme } from "./charts/theme";
import "./style.css";
import { App } from "./views/App";

adoptToken();
startTheme();
const root = document.getElementById("root");
if (root) createRoot(root).render(<StrictMode><App /></StrictMode>);
