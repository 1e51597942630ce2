/** Everything that the pages load, in one bundle: htmx, the frame, and one file an element. */
import "htmx.org/dist/htmx.esm.js";
import "./connection";
import "./countdown";
import "./device_search";
import "./drawer";
import "./file_upload";
import "./forms";
import "./frame";
import "./heatmap";
import "./log_view";
import "./palette";
import "./requests";
import "./shot_gallery";
import "./step_list"; // before forms: it takes its own draft back
import "./times";
