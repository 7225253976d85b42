#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "hone/run/worker.h"

namespace hone::cli {

/// Exit statuses of the programs.
enum Status { kDone = 0, kOwnFault = 1, kInput = 2, kStopped = 3 };

/// What the chosen subcommand does; returns the exit status.
using Action = std::function<int()>;

// One file a subcommand: adds it to the program and, where it was given, sets the action.
void add_init(CLI::App& app, Action& action);
void add_search(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_front(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_trial(CLI::App& app, Action& action);
void add_store(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action);
void add_generate(CLI::App& app, Action& action);
void add_methods_command(CLI::App& app, Action& action);
void add_worker(CLI::App& app, Action& action);
void add_identity(CLI::App& app, Action& action);
void add_bench(CLI::App& app, Action& action);
void add_cost(CLI::App& app, Action& action);

/// Runs `body` and turns what it throws into "error: ..." on standard error and the exit status. It is an
/// error where not all of the output could be written.
int guarded(const std::function<int()>& body);

/// The study file and the study in its store (or the given one). Throws Error where it was never begun.
using Opened = run::OpenedStudy;
Opened open_study(const std::string& study_file, const std::string& store_url,
                  study::Study::Depth depth = study::Study::Depth::whole);

/// Throws Error where a result written to `path` would overwrite the study file, the study's store, or one of
/// `read`, files that the result is made from.
void need_other_output(const std::string& path, const Opened& opened, std::vector<std::string> read = {});

/// "hone search licences.toml --store sqlite:x", for advice: with what was given, quoted for a shell where it
/// must be. An empty store is none.
std::string search_command(const std::string& study_file, const std::string& store_url);

/// What a second Ctrl-C or polite kill does: nothing more than the first, or it ends the program at once, for
/// what runs code of the user's own in its process, which may never come back to be asked.
enum class SecondInterrupt { waits, ends };

/// Whether Ctrl-C or a polite kill came; catch_interrupts() begins to listen.
void catch_interrupts(SecondInterrupt second = SecondInterrupt::waits);
bool interrupted();

/// Becomes hone-worker with these arguments, for what needs LibTorch: it keeps the terminal, and its exit
/// status is ours. Returns never; throws Error where there is no such program.
int become_worker(std::vector<std::string> arguments);

/// For numbers of 0 or more, and above 0: CLI11's own name the largest double where one is not.
CLI::Validator not_negative();
CLI::Validator positive();

/// For numbers from `low` to `high`: what is no number passes CLI11's own range.
CLI::Validator between(double low, double high);

/// For whole numbers from `low` to `high`: what is none is told as that, not as out of range.
CLI::Validator whole_number(std::int64_t low, std::int64_t high);

/// For a store's URL: not empty, as a variable is that was never set, and not in memory, where no other
/// process would see it.
CLI::Validator shared_store();

/// How wide standard output is: the terminal's columns, 0 where it is none.
std::size_t output_columns();

/// Writes out what is left of standard output. Throws Error (environment) with the reason where any of it was
/// lost.
void flush_output();

/// Prints one JSON document on standard output.
void print_json(const Json& json);

}  // namespace hone::cli
