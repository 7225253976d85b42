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
///   study, hone, made, task, searcher, scheduler, stopped      text; stopped: why the last session ended
///   seed, workers, sessions, replicates, elapsed_s, spent_s     numbers
///   fidelity_unit, rungs           "steps", [20, 60, 180]: ascending; may be empty
///   objectives                     [{name, minimize, summary}], one to any number
///   limits                         ["latency_s <= 2.00 ms"]
///   counts                         {state: number}; states as study::state_name writes them; of all trials
///   failures                       [{state, cause, count, kinds, reasons: [{reason, count,
///                                  example, trials}]}], most frequent first; of all trials
///   saved                          {evaluations, fidelity, unit, why: [{kind, reason, count}]}
///   hypervolume                    [[trials ended, t, value]], ascending; hypervolume_reference:
///                                  oriented, one value an objective
///   front                          trial ids, best first by the first objective (one objective: the best)
///   posterior                      whether objectives are posterior means (identity policy `average`)
///   gains                          null, or what beat the defaults: {trial, state, text, closing,
///                                  better: [ids], objectives: [{name, before, after, trial, text, steps:
///                                  [{parameter, from, to, change}]}]}; change null: not estimated
///   effects                        [{measure, fidelity, trials, used, clipped, explained, lacking, effects:
///                                  [{name, share, total, active, shape: [[value, mean, spread, trials]]}]}]
///   cost_pairs                     [{predicted, measured, same, trials, rank, off}]
///   parameters                     [{name, is, log, when}]
///   measures                       [{name, summary, minimize}]: what the task says that it reports; units by
///                                  the name's ending (_s, _bytes, ...)
///   trials                         columns (see packed_column) of `rows` trials by ascending id, out
///                                  of `total` in the study; `sampled`: how many of them are a uniform choice
///     id, state, fidelity, created_s, finished_s, spent_s, origin, worker, cause, reason, attempts, lost,
///     same_as, of, replicate, key, structural, functional         a column each; keys: their first digits
///     config, measures             {name: column}; measures: of the highest fidelity, costs merged in,
///                                  those of all evaluations of a trial together
///     alone                        the same of the trial's own evaluation, where that is another number
///     evaluations                  a column: how many evaluations the measures are of, where more than one
///     results, result_names        {row: [[fidelity, value, ...]]}: of trials with several, at most some
///                                  (results_total: how many have them); values in the order of result_names
///     curves                       {row: [[fidelities], [training losses]]}, thinned; of some (curves_total)
///   sample                         text that the best model generated; optional
std::string report_page(const Json& data);

}  // namespace hone::run
