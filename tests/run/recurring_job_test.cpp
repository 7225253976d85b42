// Job files of recurring jobs, and who sets power limits.
#include "hone/run/recurring_job.h"

#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/error.h"
#include "hone/run/power_control.h"
#include "hone/run/recurring_text.h"

namespace hone::run {
namespace {

constexpr const char* kRecurringFile =
    "[command]\n"
    "run = [\"sh\", \"-c\", \"echo {batch_size}\"]\n"
    "[recur]\n"
    "batch_sizes = [16, 32, 64]\n"
    "default = 32\n"
    "target = { metric = \"loss\", max = 0.5 }\n"
    "[power]\n"
    "limits_w = [150, 250.5]\n"
    "set = [\"echo\", \"{watts}\"]\n";

std::string replaced_in_job(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

std::string recurring_error(const std::string& text) {
  try {
    RecurringJob::parse(text, "j.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(RecurringJob, ReadsWithThePapersDefaults) {
  const RecurringJob job = RecurringJob::parse(kRecurringFile, "j.toml");
  EXPECT_EQ(job.name, "j");
  EXPECT_EQ(job.zeus.eta, 0.5);
  EXPECT_EQ(job.zeus.beta, 2.0);
  EXPECT_EQ(job.zeus.rounds, 2);
  EXPECT_EQ(job.zeus.window, 0);
  EXPECT_EQ(job.power.slice_s, 5.0);
  EXPECT_EQ(job.power.via, "command");
  EXPECT_EQ(job.power.limits_w, (std::vector<double>{250.5, 150}));
  EXPECT_EQ(job.zeus.max_power_w, 250.5);
  EXPECT_TRUE(job.target.reached(0.5));
  EXPECT_FALSE(job.target.reached(0.51));
  EXPECT_FALSE(job.target.reached(kNaN));
  EXPECT_EQ(job.target.text(), "loss <= 0.5");
}

TEST(RecurringJob, ErrorsNameLineAndKey) {
  const std::string good = kRecurringFile;
  const auto expect = [](const std::string& text, const std::string& part) {
    EXPECT_NE(recurring_error(text).find(part), std::string::npos) << recurring_error(text);
  };
  expect(replaced_in_job(good, "default = 32", "default = 33"), "j.toml:5: recur.default: 33 is not among");
  expect(replaced_in_job(good, "default", "defualt"),
         "j.toml:5: recur.defualt: unknown key 'defualt'; did you mean 'default'?");
  expect(replaced_in_job(good, "[16, 32, 64]", "[16, 32, 32]"),
         "j.toml:4: recur.batch_sizes: 32 stands there twice");
  expect(replaced_in_job(good, "[16, 32, 64]", "[]"), "j.toml:4: recur.batch_sizes: names no batch size");
  expect(replaced_in_job(good, "{batch_size}", "{batch}"), "j.toml:2: command.run: {batch} is no parameter");
  expect(replaced_in_job(good, "{batch_size}", "{batch_size} {fidelity}"),
         "j.toml:2: command.run: {fidelity} is of a study's trials");
  expect(replaced_in_job(good, ", max = 0.5", ""), "j.toml:6: recur.target: says of what, and not how much");
  expect(replaced_in_job(good, "max = 0.5", "maxi = 0.5"), "j.toml:6: recur.target.maxi: unknown key");
  expect(replaced_in_job(good, "150,", "0,"), "power limit in watts");
  expect(replaced_in_job(good, "set = [\"echo\", \"{watts}\"]", "set = [\"echo\"]"),
         "j.toml:9: power.set: does not say where");
  expect(replaced_in_job(good, "set = [\"echo\", \"{watts}\"]\n", ""),
         "j.toml:8: power.limits_w: there are limits");
  expect(replaced_in_job(good, "limits_w = [150, 250.5]\n", ""), "power.limits_w: names no limits");
  expect(replaced_in_job(good, "\"sh\"", "\"no-such-program\""),
         "j.toml:2: command.run: there is no program");
  expect(replaced_in_job(good, "\"echo\", \"{watts}\"", "\"no-such-program\", \"{watts}\""),
         "j.toml:9: power.set: there is no program 'no-such-program'");
  expect(good + "get = [\"no-such-program\"]\n", "j.toml:10: power.get: there is no program");
  expect(replaced_in_job(good, "default = 32", "default = 32\nmax_power_w = 200"),
         "is below the limit of 250.5 W");
  expect(replaced_in_job(good, "default = 32", "default = 32\nwindow = 1"), "j.toml:6: recur.window");
  expect(replaced_in_job(good, "default = 32", "default = 32\nbeta = 1"), "j.toml:6: recur.beta");
  expect(replaced_in_job(good, "max = 0.5", "min = 0.9, max = 0.5"),
         "j.toml:6: recur.target: nothing is both at least 0.9 and at most 0.5");
  expect(replaced_in_job(good, "default = 32", "default = 32\nmax_progress = 0"),
         "j.toml:6: recur.max_progress: must be above 0");
  expect(replaced_in_job(good, "default = 32", "default = 32\npower_w = 90\ndevice = \"no-such-device\""),
         "j.toml:7: recur.device: there is no device or file 'no-such-device'");
  expect(good + "gpus = [0, 1, 0]\n", "j.toml:10: power.gpus: 0 stands there twice");
  expect("[command]\nrun = \"true\"\n", "recur");
  expect(good + "[tusk]\n", "unknown key 'tusk'");
}

TEST(RecurringStatus, EnergyOfARunThatProfiledIsNotTakenAsOfItsLastLimit) {
  RecurringJob job = RecurringJob::parse(kRecurringFile, "j.toml");
  job.power.limits_w = {200, 100};
  // Half of the progress a second for a third of the power: 100 W is what the run came to.
  const std::string slice = R"({"event": "slice", "run": 0, "batch_size": 32, "progress": "fidelity", )";
  const auto history = [&](double energy) {
    return cost::recurring_history(
        R"({"event": "started", "run": 0, "recurrence": 0, "try": 1, "batch_size": 32, "stage": "explore", )"
        R"("threshold": "inf"})"
        "\n" +
            slice + R"("power_limit_w": 200, "average_power_w": 180, "throughput": 2})" + "\n" + slice +
            R"("power_limit_w": 100, "average_power_w": 60, "throughput": 1})" + "\n" +
            R"({"event": "ended", "run": 0, "how": "reached", "seconds": 10, "total_energy_j": 1, )"
            R"("total_seconds": 10, "power_limit_w": 100, "progress": 9, "measured": true, "source": "s", )"
            R"("energy_j": )" +
            real_text(energy) + "}\n",
        "r");
  };
  const auto at_full = [&](double energy) {
    return recurring_status_json(job, history(energy))["default_energy_j"].get<double>();
  };
  EXPECT_DOUBLE_EQ(at_full(600), 900);   // all of it at 100 W: 5 s of 180 W instead
  EXPECT_DOUBLE_EQ(at_full(1200), 900);  // much of it at 200 W
  EXPECT_DOUBLE_EQ(at_full(300), 450);   // half of it idle
}

TEST(PowerControl, WritesThePowercapFilesOfAllPackages) {
  const test::Folder folder;
  for (const char* zone : {"intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"}) {
    std::filesystem::create_directories(folder.file(zone));
    folder.write(std::string(zone) + "/name", std::string(zone).size() > 12 ? "core\n" : "package-0\n");
    folder.write(std::string(zone) + "/constraint_0_power_limit_uw", "90000000\n");
  }
  RecurringJob job = RecurringJob::parse(kRecurringFile, "j.toml");
  job.power.via = "powercap";
  job.power.powercap = folder.path();
  const auto control = make_power_control(job);
  const Json before = control->current();
  control->set(100);
  EXPECT_EQ(folder.read("intel-rapl:0/constraint_0_power_limit_uw"), "50000000");
  EXPECT_EQ(folder.read("intel-rapl:1/constraint_0_power_limit_uw"), "50000000");
  EXPECT_EQ(folder.read("intel-rapl:0:0/constraint_0_power_limit_uw"), "90000000\n");
  for (const Json& other : std::vector<Json>{250.0, {250.0}, {250.0, 250.0}, {"x", "y"}, nullptr})
    EXPECT_THROW(control->restore(other), Error) << other;
  EXPECT_TRUE(control->fits(before, control->whose()));
  EXPECT_TRUE(control->fits(before, nullptr));  // of a journal that does not say
  EXPECT_FALSE(control->fits(before, {{"via", "nvml"}, {"gpus", {0, 1}}}));
  EXPECT_FALSE(control->fits(250.0, nullptr));
  control->restore(before);
  EXPECT_EQ(folder.read("intel-rapl:1/constraint_0_power_limit_uw"), "90000000");
  folder.write("intel-rapl:1/constraint_0_power_limit_uw", "");  // it could never be put back
  EXPECT_THROW((void)control->current(), Error);
  job.power.powercap = folder.file("none");
  EXPECT_THROW((void)make_power_control(job), Error);
}

TEST(PowerControl, AsksAndSetsByTheUsersCommands) {
  const test::Folder folder;
  folder.write("limit", "Power limit: 270.5 W\n");
  RecurringJob job = RecurringJob::parse(kRecurringFile, folder.file("j.toml"));
  job.power.set = {"sh", "-c", "echo {watts} >limit"};
  job.power.get = {"cat", "limit"};
  const auto control = make_power_control(job);
  const Json before = control->current();
  EXPECT_EQ(before, 270.5);
  control->set(150);
  EXPECT_EQ(folder.read("limit"), "150\n");
  job.power.set = {"sh", "-c", "echo no permission; exit 4"};
  try {
    control->set(100);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("no permission"), std::string::npos);
    EXPECT_EQ(error.fault(), Fault::environment);
  }
  job.power.get = {"true"};
  EXPECT_THROW((void)control->current(), Error);
  const auto printed = [&](const std::string& script) -> Json {
    job.power.get = {"sh", "-c", script};
    return control->current();
  };
  EXPECT_EQ(printed("echo 'warning: driver 550 loaded' >&2; echo 250"), 250.0);
  EXPECT_EQ(printed("echo ' 250.00 W '"), 250.0);
  for (const char* other : {"echo -5", "echo 300; echo 250", "echo GPU 0: 250 W", "echo 250 W of 300 W",
                            "echo 0", "echo nan", "echo inf", "echo 250x", "echo 250 >&2"})
    EXPECT_THROW((void)printed(other), Error) << other;
}

}  // namespace
}  // namespace hone::run
