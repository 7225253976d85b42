#pragma once

/// What most programs need of hone: ask/tell over a space of one's own, stores that keep a study, and the
/// main of a program that holds a task of one's own. The names below stay (as source) from one version to the
/// next; what else the rooms' headers declare may change with a minor version.

#include "hone/run/optimizer.h"
#include "hone/run/worker_main.h"

namespace hone {

using run::Job;
using run::Optimizer;
using space::Config;
using space::Space;
using study::Measures;
using study::Objective;
using study::open_store;
using study::Trial;
using study::TrialState;
using task::Assignment;
using task::Ending;
using task::Evaluator;
using task::MeasureInfo;
using task::Outcome;
using task::OwnTask;
using task::Reporter;
using task::Task;

}  // namespace hone
