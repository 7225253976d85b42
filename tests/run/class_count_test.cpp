#include "hone/run/class_count.h"

#include <gtest/gtest.h>

#include "../program.h"
#include "../task/made_table.h"
#include "hone/base/error.h"

namespace hone::run {
namespace {

/// relu(a x + b y) or a x + b y: 18 configs, of which the two with a = b = 0 are one.
const char* const kSums =
    "[study]\nname = \"sums\"\nminimize = [\"loss\"]\n[task]\nkind = \"command\"\nrun = [\"awk\", \"-v\", "
    "\"a={a}\", \"-v\", \"b={b}\", \"-v\", \"f={f}\", 'NF == 2 {{ s = a * $1 + b * $2; if (f == \"relu\" && "
    "s < "
    "0) s = 0; print s }}']\nprobe = true\nprobe_batch = \"text\"\nprobe_numbers = 2\n[space]\na = { int = "
    "[-1, "
    "1] }\nb = { int = [-1, 1] }\nf = [\"id\", \"relu\"]\n";

TEST(Designs, AFiniteSpaceIsGoneThroughWhole) {
  const auto space = space::Space::Builder()
                         .integer("n", 1, 3)
                         .choice("kind", {"a", "b"})
                         .integer("m", 1, 4, {.when = "kind == 'b'"})
                         .where("n != 2")
                         .build();
  const Designs all = designs_of(space, 100, 10, 0);
  EXPECT_TRUE(all.all);
  EXPECT_EQ(all.configs.size(), 10u) << "2 of kind a, 2 x 4 of kind b";
  EXPECT_EQ(all.total, 10);
  const Designs some = designs_of(space, 5, 4, 0);
  EXPECT_FALSE(some.all);
  EXPECT_EQ(some.configs.size(), 4u);
  EXPECT_EQ(some.total, 10);
  const auto infinite = space::Space::Builder().real("x", 0, 1).build();
  const Designs drawn = designs_of(infinite, 100, 7, 0);
  EXPECT_EQ(drawn.configs.size(), 7u);
  EXPECT_FALSE(drawn.total);
}

TEST(ClassCount, ACommandsFunctionsAreCounted) {
  const StudyFile file = StudyFile::parse(kSums, "/tmp/sums.toml");
  ASSERT_TRUE(has_probe(file));
  const Designs designs = designs_of(file.space, 100, 10, 0);
  std::size_t told = 0;
  ProbingOptions options;
  options.workers = 2;
  options.progress = [&](std::size_t done, std::size_t) { told = done; };
  const auto probed = probe_all(file, designs.configs, options);
  EXPECT_EQ(told, 18u);
  const ClassCount count = count_classes(file, designs, probed);
  EXPECT_EQ(count.literal, 18);
  EXPECT_FALSE(count.structural);
  ASSERT_TRUE(count.functional);
  EXPECT_EQ(count.functional->classes, 17);
  EXPECT_EQ(count.functional->alone, 16);
  ASSERT_EQ(count.functional->largest.size(), 1u);
  EXPECT_EQ(count.functional->largest[0].example.integer("a"), 0);
  EXPECT_NE(count.text().find("17"), std::string::npos);

  const auto proposals = proposals_of(file, "random", 18);
  const ProposalCurve curve = proposal_curve("random", probe_all(file, proposals, options));
  EXPECT_EQ(curve.points.back().functions, 17);
  EXPECT_NEAR(curve.repeats(), 1.0 / 18.0, 1e-12);
  EXPECT_NE(class_page(count, {curve}).find("Different functions"), std::string::npos);
  ClassCount without_probe = count;
  without_probe.functional.reset();
  const std::string page = class_page(without_probe, {curve});
  EXPECT_NE(page.find("Different configs"), std::string::npos);
  EXPECT_EQ(page.find("ifferent functions"), std::string::npos) << "of functions nothing is known";
  EXPECT_THROW(proposals_of(file, "tpe", 5), Error) << "it learns, and there is nothing to learn from";

  options.interrupted = [] { return true; };
  EXPECT_TRUE(count_classes(file, designs, probe_all(file, designs.configs, options)).interrupted);
}

TEST(ClassCount, WhatFailsIsAClassOfItsOwnAndSaysWhy) {
  std::string text = kSums;
  text.replace(text.find("print s }}"), 10, "print (a == 1 ? \"nan\" : a == 0 ? \"oops\" : s) }}");
  const StudyFile file = StudyFile::parse(text, "/tmp/sums.toml");
  const Designs designs = designs_of(file.space, 100, 10, 0);
  const ClassCount count = count_classes(file, designs, probe_all(file, designs.configs, {}));
  EXPECT_EQ(count.unhashable, 12);
  EXPECT_EQ(count.functional->classes, 18);
  EXPECT_EQ(count.failures.size(), 2u);
}

/// Probes in processes of the user's own program; one of them dies.
TEST(ClassCount, AProgramsOwnTaskIsProbedInItsProcesses) {
  const test::Folder folder;
  const auto count = [&](const std::string& options) {
    folder.write("s.toml", "[study]\nminimize = [\"ones_of_4\"]\n[task]\nkind = \"program\"\nprogram = \"" +
                               std::string(HONE_PROGRAMS) +
                               "/own_tasks\"\nname = \"ones\"\noptions = { width = 4" + options +
                               " }\n[space]\na = { flag = true }\nb = { flag = true }\nc = { flag = true "
                               "}\nd = { flag = true }\n"
                               "[search]\nscheduler = { kind = \"fixed\", steps = 1 }\n");
    const StudyFile file = StudyFile::read(folder.file("s.toml"));
    const Designs designs = designs_of(file.space, 100, 10, 0);
    return count_classes(file, designs, probe_all(file, designs.configs, {.workers = 2}));
  };
  const ClassCount whole = count("");
  EXPECT_EQ(whole.literal, 16);
  EXPECT_EQ(whole.functional->classes, 5);
  EXPECT_EQ(whole.unhashable, 0);
  const ClassCount fragile = count(", fragile = true");
  EXPECT_EQ(fragile.literal, 16);
  EXPECT_EQ(fragile.unhashable, 1) << "the one that died; the rest goes on";
  EXPECT_EQ(fragile.functional->classes, 5);

  folder.write("t.toml", "[study]\nminimize = [\"value\"]\n[task]\nkind = \"program\"\nprogram = \"" +
                             std::string(HONE_PROGRAMS) +
                             "/own_tasks\"\nname = \"slope\"\n[space]\na = { real = [0, 1] }\n[search]\n"
                             "scheduler = { kind = \"fixed\", steps = 1 }\n");
  const StudyFile file = StudyFile::read(folder.file("t.toml"));
  const Designs designs = designs_of(file.space, 100, 10, 0);
  EXPECT_FALSE(count_classes(file, designs, probe_all(file, designs.configs, {.workers = 1})).functional)
      << "it has no probe";
}

TEST(ClassCount, CellsAreCountedByEveryConvention) {
  const test::Folder folder;
  const auto made = test::made_cells({"none", "skip_connect", "nor_conv_3x3"}).first;
  folder.write("cells.json", made.description);
  folder.write("cells.csv", made.rows);
  folder.write("s.toml",
               "[study]\nmaximize = [\"acc\"]\n[task]\nkind = \"recorded\"\ntable = \"cells.csv\"\n[search]\n"
               "scheduler = { kind = \"fixed\", steps = 1 }\n");
  const StudyFile file = StudyFile::read(folder.file("s.toml"));
  const Designs designs = designs_of(file.space, 1000, 10, 0);
  ASSERT_TRUE(designs.all);
  ClassCount count = count_classes(file, designs, probe_all(file, designs.configs, {}));
  count.cells = cell_class_counts(file, designs, count.cell_kind);
  ASSERT_EQ(count.cells.size(), 5u);
  EXPECT_EQ(count.cell_kind, "nasbench201");
  ASSERT_TRUE(count.functional);
  EXPECT_EQ(count.functional->classes, count.cells[4].classes) << "recorded cells are probed so";
  const Json json = count.json();
  EXPECT_EQ(json["classes"]["published"], count.cells[0].classes);
  for (const auto& cells : count.cells) EXPECT_FALSE(cell_convention(cells.name).empty());

  const auto proposals = proposals_of(file, "regularized_evolution", 300);
  const ProposalCurve curve = proposal_curve("regularized_evolution", probe_all(file, proposals, {}));
  EXPECT_GT(curve.repeats(), 0.3);
}

}  // namespace
}  // namespace hone::run
