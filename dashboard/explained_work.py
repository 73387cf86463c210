"""Help's lines about the work itself: preprocessing, comparing runs, edits, jobs."""

from __future__ import annotations

from dashboard.explained import Entry

WORK = (
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
        "Regions that both have are compared: flags gained and lost, clusters by overlap, and the order of the scores. "
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
        "links the same files. An archived dataset or run is put away and can be taken back. Files on the disk are "
        "never touched.",
    ),
    Entry(
        "Jobs",
        "What a page asks for waits in a queue in the workspace: one job at a time that computes, one that handles "
        "files. Jobs go on when the browser is closed. After a crash each is taken up where it was, and none runs "
        "twice. A job that is stopped keeps what it finished; retry goes on from there.",
    ),
)
