"""Help's lines about the work itself: networks, preprocessing, comparing runs, edits, jobs."""

from __future__ import annotations

from dashboard.explained import Entry

WORK = (
    Entry(
        "Networks and weights",
        "A run's network is the demonstration's own or any of torchvision's for classification. Its weights are "
        "what it learned before: its own, shipped or fetched once from torchvision's hub, or a .safetensors or .pth "
        "file that is chosen or sent on Runs. A file is opened before the run may start: every layer has to find "
        "its weights. It is read as numbers alone and never run. A file without a head of classes serves as well; "
        "only maps of classes need one. Runs and reports name the file. Maps of a run ask for the same weights "
        "again, so keep the file.",
    ),
    Entry(
        "Preprocessing",
        "Named steps that change what the network is shown, in the order given: a central crop, white balance, colour "
        "restoration, equalisation, denoising. They are recorded with the run, and other steps make other embeddings. "
        "Lengths are shares of the picture's shorter side, so that a step means the same at every size. In the image "
        "panel the same steps are for viewing alone: no score changes. Whether a step helps is an open question of "
        "each collection: compare two runs.",
        r"I'_c = I_c\,\frac{\tfrac13\sum_j \bar I_j}{\bar I_c},\qquad R' = R + a\,(\bar G - \bar R)(1 - R)\,G",
        "Left, grey world: every channel c gets the same mean. Right, restoration of red R from green G, in [0, 1], "
        "with strength a, before grey world. CLAHE equalises lightness in 8 × 8 fields with a limit on contrast.",
        "Buchsbaum 1980; Ancuti et al. 2018, IEEE TIP 27; Zuiderveld 1994, Graphics Gems IV",
    ),
    Entry(
        "Two runs side by side",
        "Regions that both have are compared: flags gained and lost (in a run's target), clusters by overlap, and the "
        "order of the scores. "
        "Scores of two networks, or after two preprocessings, have different sizes, so only their order compares: 1 is "
        "the same order, 0 none.",
        r"\rho = \operatorname{corr}(\operatorname{rank} s_1, \operatorname{rank} s_2)",
        "s are the OOD scores of the two runs.",
        "Spearman 1904",
    ),
    Entry(
        "Edits, merges, archives",
        "A value that is changed in the table of a dataset is recorded with what it was, who changed it and when; "
        "undo is one more entry. It stands when the source is imported again. A merge makes a further dataset that "
        "links the same files, and what was decided on their pictures comes along; undone, it is put away and the old "
        "datasets are there again. An archived dataset or run is put away and can be taken back. Files on the disk are "
        "never touched.",
    ),
    Entry(
        "Jobs",
        "What a page asks for waits in a queue in the workspace: one job at a time that computes, one that handles "
        "files. Jobs go on when the browser is closed. After a crash each is taken up where it was, and none runs "
        "twice. A job that is stopped keeps what it finished; retry goes on from there.",
    ),
)
