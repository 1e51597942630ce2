/** Everything that the pages load, in one bundle: htmx, the frame, and one file an element. */
import "htmx.org/dist/htmx.esm.js";
import "./connection";
import "./device_search";
import "./drawer";
import "./step_list"; // before forms: it takes its own draft back
import "./forms";
import "./frame";
import "./heatmap";
import "./palette";
import "./requests";
import "./times";
