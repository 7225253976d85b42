#pragma once

#include <string>
#include <vector>

#include "hone/run/study_file.h"
#include "hone/task/program.h"

namespace hone::run {

/// The main of a program that holds tasks of one's own:
///
///   int main(int argc, char** argv) { return hone::worker_main(argc, argv, {my_task()}); }
///
/// A study file names it: [task] kind = "program", program = "./my_task". hone asks it what its tasks are,
/// and starts it as the study's workers. Its commands:
///
///   describe                        prints its tasks as JSON
///   describe NAME OPTIONS FOLDER    one of them with these options (a JSON object)
///   check FILE                      reads the study file with the task at hand; prints what is wrong
///   probe FILE CONFIGS OUTPUT       the probes of the configs in a file (hone/run/probing.h)
///   worker --store URL ...          works on a study's trials: see worker_flags
///
/// Returns the process's exit status: 0 done, 1 the machine's or hone's fault, 2 the input is wrong, 3
/// stopped before the study was finished. Prints what it answers on standard output (what the tasks print
/// meanwhile goes to standard error), errors on standard error.
int worker_main(int argc, char** argv, std::vector<task::OwnTask> tasks);

/// The program whose processes work on this study: absolute for a task of one's own, else "hone", or
/// "hone-worker" for tasks that need LibTorch.
std::string worker_program(const StudyFile& file);

/// Lets the task read what it needs, so that it fails before the search begins: Task::prepare, or by its own
/// program, which also checks the space. Returns one line about it; "" where there is nothing to say. Throws
/// Error.
std::string prepare_task(const StudyFile& file);

}  // namespace hone::run

namespace hone {
using run::worker_main;
}
