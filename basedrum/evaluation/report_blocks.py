"""How the metrics of a report are ordered: blocks of a title and some metrics each.

A block whose intervals are shown has at most five metrics, the others at most ten: a table is 120 columns
wide.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """Some metrics that stand together in a report.

    Attributes:
        title: what they ask.
        metrics: key and heading of each.
        with_interval: whether their intervals are shown.
    """

    title: str
    metrics: tuple[tuple[str, str], ...]
    with_interval: bool = False


BLOCKS: tuple[Block, ...] = (
    Block(
        "Does it follow the bass? (0: it ignores it, more than real drums: it copies; R@1: .031 is chance)",
        (
            ("lift", "lift"),
            ("phi_kick", "phi kick"),
            ("lock", "lock F1"),
            ("match", "R@1 of 32"),
            ("match_without_kick", "R@1, no kick"),
        ),
        True,
    ),
    Block(
        "Does a classifier know it from real drums? (AUC, .5 is best; drums alone: network, trees, higher)",
        (
            ("c2st", "C2ST with bass"),
            ("c2st_alone", "drums alone"),
            ("c2st_trees", "same, trees"),
            ("c2st_alone_higher", "the higher"),
            ("c2st_16", "16-bar structure"),
        ),
        True,
    ),
    Block(
        "How much does it play, repeat and copy? (first phrases: of each run)",
        (
            ("hits_per_bar", "hits a bar"),
            ("hits_first", "in first phrases"),
            ("identical", "same bar twice"),
            ("copied_4", "copied 4 bars"),
            ("copied_2", "copied 2 bars"),
        ),
        True,
    ),
    Block(
        "What a listener hears (kick follows: F1 with a bass new in bar 10, less that with the old)",
        (
            ("no_keeper", "no time-keeper"),
            ("keeper_lost", "lost for good"),
            ("crash_1_3", "crash on 1 and 3"),
            ("likeness", "songs alike"),
            ("spliced", "kick follows"),
        ),
        True,
    ),
    Block(
        "Heard too: hits, hats and ride; keeper comes or goes; crash again, after a fill; fills in bars 4, 8",
        (
            ("bar_hits", "hits"),
            ("time_hits", "hats"),
            ("keeper_changes", "keeper"),
            ("crash_again", "again"),
            ("crash_after_fill", "after"),
            ("fill_on_4", "fill 4"),
            ("fill_on_8", "fill 8"),
            ("no_fill", "no fill"),
            ("backbeat_hole", "hole"),
        ),
    ),
    Block(
        "Ideas to one rhythm; kicks to one bass; kick, drums across a new riff; songs alike with one seed",
        (
            ("one_idea", "one idea"),
            ("kick_same_bass", "kick"),
            ("riff_kick", "riff"),
            ("riff_kit", "riff, all"),
            ("likeness_one_seed", "alike"),
        ),
    ),
    Block(
        "A new riff: marked, density, keeper change. Kick on tied notes. Bars of 3 training songs",
        (
            ("riff_marked", "marked"),
            ("riff_density", "density"),
            ("riff_keeper", "keeper"),
            ("push", "push"),
            ("idiom_backbone", "kick+snare"),
            ("idiom_time", "time"),
        ),
    ),
    Block(
        "Hands: busy snare, rolls, two running; three hands; open hats unclosed, on off-eighths",
        (
            ("busy_snare", "busy"),
            ("roll", "roll"),
            ("roll_again", "again"),
            ("three_hands", "3 hands"),
            ("open_unclosed", "unclosed"),
            ("open_off_eighth", "off 8th"),
        ),
    ),
    Block(
        "Songs without toms, ride, crash. Bass of few notes (8 bars): no snare, no keeper, hits a bar",
        (
            ("no_toms", "toms"),
            ("no_ride", "ride"),
            ("no_crash", "crash"),
            ("few_no_snare", "no snare"),
            ("few_no_keeper", "keeper"),
            ("few_hits", "hits"),
        ),
    ),
    Block(
        "Hats and ride a bar of 3/4, 6/8; hits a bar of 5/4; swung songs: skips on 2a and 4a, wrong ones",
        (
            ("three_time", "3/4, 6/8"),
            ("five_hits", "5/4"),
            ("skips", "skips"),
            ("wrong_skips", "wrong"),
        ),
    ),
    Block(
        "Does it hold a song together? (seam / other bar lines; alike where the bass comes back, or not)",
        (
            ("seam", "seam ratio"),
            ("seam_equal_density", "at equal density"),
            ("sections_same", "bass comes back"),
            ("sections_other", "another bass"),
        ),
        True,
    ),
    Block(
        "Noise: distance of seeds, lift, the lowest. Moved bass: drums alike, transposed (1 is best), late",
        (
            ("seed_distance", "seeds"),
            ("variety", "variety"),
            ("seed_lift", "lift"),
            ("seed_lift_lowest", "lowest"),
            ("transposed_5", "up 5"),
            ("transposed_12", "up 12"),
            ("shifted_2", "late 2"),
        ),
    ),
    Block(
        "Form: bars alike at lags; last beat of bars 4, 8 over others': hits (fill), change (turn)",
        (
            ("similarity_1", "lag 1"),
            ("similarity_2", "lag 2"),
            ("similarity_4", "lag 4"),
            ("similarity_8", "lag 8"),
            ("fill_4", "fill 4"),
            ("fill_8", "fill 8"),
            ("turn_4", "turn 4"),
            ("turn_8", "turn 8"),
        ),
    ),
    Block(
        "Bars with toms: last of a phrase, others; with a crash: first of a phrase, of a new bass, others",
        (
            ("toms_end", "toms end"),
            ("toms_inside", "inside"),
            ("crash_phrase", "crash"),
            ("crash_section", "section"),
            ("crash_inside", "inside"),
        ),
    ),
    Block(
        "Style (EB empty bars, DP eighth and beat mask, GS, GC of struck steps; distances to real, 0 best)",
        (
            ("empty_bars", "EB"),
            ("pattern_eighth", "DP 8th"),
            ("pattern_beat", "DP beat"),
            ("groove_similarity", "GS"),
            ("groove_consistency", "GC"),
            ("density_error", "density"),
            ("voice_distance", "JS voice"),
            ("position_distance", "JS step"),
            ("frechet", "Frechet"),
        ),
    ),
)

SOURCE_TITLES = {
    "lift": "Lift inside each source",
    "phi_kick": "Phi kick inside each source",
    "match": "R@1 of 32 inside each source",
    "hits_per_bar": "Hits a bar in each source",
}
