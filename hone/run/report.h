#pragma once

#include <string>

#include "hone/base/json.h"

namespace hone::run {

/// The page for a study, as text: one self-contained HTML document (charts, styles and data inlined) that
/// opens from a file with no network. Everything in `data` is treated as text from strangers: it is escaped,
/// and neither a study named "</script>" nor bytes that are no UTF-8 (they become U+FFFD) break the page.
/// The same data gives the same bytes. Throws Error where `data` is no object.
///
/// `data` is the report's document. Every key may be missing (the page leaves out what it lacks). Numbers
/// that JSON cannot hold are the strings "nan", "inf" and "-inf" (real_to_json); a measure that a trial
/// lacks is absent from its object. Times ending in _s are seconds; t is seconds since the study began.
///
///   study, hone, made, task, searcher, scheduler, stopped      text; stopped: why the search ended
///   seed, workers, elapsed_s                                    numbers
///   fidelity_unit, rungs           "steps", [20, 60, 180]: ascending; may be empty
///   objectives                     [{name, minimize, summary}], one to any number
///   limits                         ["latency_s <= 2.00 ms"]
///   counts                         {state: number}; states as study::state_name writes them
///   failures                       [{reason, count}], most frequent first
///   saved                          {evaluations, steps, why: [{reason, count}]}; `steps` is in fidelity_unit
///   hypervolume                    [[t, value]], ascending t; hypervolume_reference: one value an objective
///   front                          trial ids, best first by the first objective (one objective: the best)
///   parameters                     [{name, kind, log}]; kind: real, integer, choice, ordinal, flag
///   measures                       [{name, summary}]: all that trials report, objectives among them; units
///                                  by the name's ending (_s, _bytes, ...)
///   trials                         by ascending id, each:
///     id, state, reason, config    config: {parameter: number, text or boolean}, inactive ones absent
///     fidelity, measures           of the highest fidelity reached, costs merged in; 0 and {}: no result yet
///     results                      [{fidelity, measures}], ascending
///     curve                        [[fidelity, training loss]]
///     created_s, finished_s        since the study began
///     spent_s, same_as, worker     same_as: the trial whose result was reused, -1: its own
///     on_front
///   sample                         text that the best model generated; optional
std::string report_page(const Json& data);

}  // namespace hone::run
