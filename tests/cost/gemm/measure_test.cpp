#include "hone/cost/gemm/measure.h"

#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "hone/base/error.h"
#include "hone/base/files.h"

namespace hone::cost {
namespace {

GemmMeasureOptions small_measurement(const ScratchFolder& folder) {
  GemmMeasureOptions options;
  options.least = 4;
  options.largest = 24;
  options.configs = 4;
  options.shapes = 3;
  options.repeats = 1;
  options.sample_seconds = 1e-6;
  options.quiet = false;
  options.energy.powercap = folder.path() + "/none";
  return options;
}

TEST(GemmMeasurement, GoesOnWhereItStopped) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  GemmMeasureOptions options = small_measurement(folder);
  options.shapes = 2;
  {
    GemmMeasurement measurement(file, options);
    EXPECT_FALSE(measurement.power());
    EXPECT_EQ(measurement.without_power(), "there is none");
    const auto outcome = measurement.run({}, {});
    EXPECT_EQ(outcome.shapes, 2U);
    EXPECT_FALSE(outcome.interrupted);
  }
  const std::string before = read_file(file);
  EXPECT_EQ(before.find("power_w"), std::string::npos) << "no column for what was not measured";
  {
    std::ofstream(file, std::ios::app) << "17,18,";  // as kill -9 leaves it
  }
  options.shapes = 4;
  GemmMeasurement measurement(file, options);
  std::vector<GemmShape> begun;
  const auto outcome = measurement.run([&](const auto& now) { begun.push_back(now.shape); }, {});
  EXPECT_EQ(outcome.shapes, 2U);
  EXPECT_EQ(begun, (std::vector<GemmShape>{planned_shape(options, 2), planned_shape(options, 3)}));
  EXPECT_EQ(read_file(file).substr(0, before.size()), before);
  const GemmTable table = read_gemm_table(file);
  std::set<std::pair<GemmShape, GemmConfig>> distinct;
  for (const GemmRun& run : table.runs) {
    EXPECT_GT(run.runtime_s, 0.0);
    EXPECT_EQ(run.device, cpu_gemm_device());
    distinct.insert({run.shape, run.config});
  }
  EXPECT_EQ(distinct.size(), table.runs.size());
  GemmMeasurement again(file, options);
  EXPECT_EQ(again.earlier(), table.runs.size());
  EXPECT_EQ(again.run({}, {}).rows, 0U) << "all there";
}

TEST(GemmMeasurement, GoesOnWhereTheHeaderWasCutOff) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  const GemmMeasureOptions options = small_measurement(folder);
  for (const bool power : {false, true}) {
    const std::string header = gemm_table_header(power);
    for (const std::size_t size : {std::size_t{1}, header.size() / 2, header.size() - 1}) {
      std::ofstream(file) << header.substr(0, size);
      GemmMeasurement measurement(file, options);
      EXPECT_EQ(measurement.earlier(), 0U);
      const auto outcome = measurement.run({}, {});
      EXPECT_EQ(outcome.shapes, 3U);
      EXPECT_EQ(read_gemm_table(file).runs.size(), outcome.rows);
    }
  }
}

TEST(GemmMeasurement, AnInterruptedShapeLeavesNoRows) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  const GemmMeasureOptions options = small_measurement(folder);
  GemmMeasurement measurement(file, options);
  bool stop = false;
  int shapes = 0;
  const auto outcome = measurement.run([&](const auto&) { stop = ++shapes == 2; }, [&] { return stop; });
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(outcome.shapes, 1U);
  EXPECT_EQ(read_gemm_table(file).runs.size(), outcome.rows);
}

TEST(GemmMeasurement, NothingIsMeasuredOfAProductThatWasInterrupted) {
  const ScratchFolder folder("hone-test");
  GemmMeasureOptions options = small_measurement(folder);
  options.configs = 2;
  // Whoever asks, said once: before or between products, or amid them.
  for (int at = 1; at <= 20; ++at) {
    int asked = 0;
    const auto runs = measure_gemm({400, 400, 400}, planned_configs(options, {400, 400, 400}, 0), options,
                                   nullptr, [&] { return ++asked == at; });
    EXPECT_TRUE(runs.empty() || asked < at) << at;
  }
}

TEST(GemmMeasurement, EndsWhereThereAreNoNewShapes) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  GemmMeasureOptions options = small_measurement(folder);
  options.least = options.largest = 16;
  options.configs = 1;
  options.shapes = 0;
  options.seconds = 300.0;
  GemmMeasurement measurement(file, options);
  const auto outcome = measurement.run({}, {});
  EXPECT_TRUE(outcome.exhausted);
  EXPECT_EQ(outcome.rows, 1U) << "the one shape with the one configuration, once";
  GemmMeasurement again(file, options);
  EXPECT_TRUE(again.run({}, {}).exhausted);
  EXPECT_EQ(read_gemm_table(file).runs.size(), 1U);
  GemmMeasurement stopped(file, options);
  const auto nothing = stopped.run({}, [] { return true; });
  EXPECT_TRUE(nothing.interrupted) << "also amid shapes that are known";
  EXPECT_FALSE(nothing.exhausted);
}

TEST(GemmMeasurement, AShapeThatIsDrawnAgainIsOne) {
  const ScratchFolder folder("hone-test");
  GemmMeasureOptions options = small_measurement(folder);
  options.least = options.largest = 24;
  options.configs = 6;
  options.shapes = 8;
  const auto outcome = GemmMeasurement(folder.path() + "/t.csv", options).run({}, {});
  EXPECT_EQ(outcome.shapes, 1U);
  EXPECT_GT(outcome.rows, 6U) << "other configurations of it";
}

TEST(GemmMeasurement, OnlyWhatIsNotInTheTableIsMeasured) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  GemmMeasureOptions options = small_measurement(folder);
  options.largest = 200;
  const std::size_t before = GemmMeasurement(file, options).run({}, {}).rows;
  // More configurations of the same shapes, and a file that was cut amid a shape.
  std::string text = read_file(file);
  text.erase(text.rfind('\n', text.size() - 2) + 1);
  write_file_atomic(file, text);
  options.configs = 7;
  GemmMeasurement measurement(file, options);
  const auto outcome = measurement.run({}, {});
  const GemmTable table = read_gemm_table(file);
  EXPECT_EQ(table.runs.size(), before - 1 + outcome.rows);
  std::set<std::pair<GemmShape, GemmConfig>> distinct, planned;
  for (const GemmRun& run : table.runs) distinct.insert({run.shape, run.config});
  EXPECT_EQ(distinct.size(), table.runs.size()) << "no row stands there twice";
  for (std::size_t i = 0; i < options.shapes; ++i)
    for (const GemmConfig& config : planned_configs(options, planned_shape(options, i), i))
      planned.insert({planned_shape(options, i), config});
  EXPECT_EQ(distinct, planned);
}

TEST(GemmMeasurement, TheTimeIsKeptAmidAShape) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  GemmMeasureOptions options = small_measurement(folder);
  options.least = options.largest = 400;
  options.configs = 40;
  options.repeats = 50;
  options.shapes = 1;
  options.seconds = 0.02;  // less than one call of each takes
  const auto outcome = GemmMeasurement(file, options).run({}, {});
  EXPECT_EQ(outcome.rows, 0U);
  EXPECT_TRUE(outcome.unfinished);
  EXPECT_FALSE(outcome.interrupted);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(GemmMeasurement, OtherFilesAreLeftAlone) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  const GemmMeasureOptions options = small_measurement(folder);
  for (const std::string& text :
       {std::string("m,n,k,runtime_s\n1,1,1,1\n"), std::string("notes of mine\n"),
        std::string("m,n,k,cta_m,Runtime\n1,1,1,1,1\n"),
        gemm_table_header(false) + "1,1,1,f32,f32,1,0" + std::string(18, ',') + ",1e-5,,cpu of another\n"}) {
    std::ofstream(file) << text;
    EXPECT_THROW(GemmMeasurement(file, options), Error) << text;
    EXPECT_EQ(read_file(file), text);
  }
  EXPECT_THROW(GemmMeasurement(folder.path() + "/no/such/folder.csv", options), Error);
  GemmMeasureOptions other = options;
  other.type = "f16";
  EXPECT_THROW(GemmMeasurement(folder.path() + "/u.csv", other), Error);
}

/// The error of beginning a measurement; "": there was none.
std::string error_of(const std::string& file, const GemmMeasureOptions& options) {
  try {
    GemmMeasurement(file, options);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(GemmMeasurement, AFileIsOfOneMeasurementAtATime) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  const GemmMeasureOptions options = small_measurement(folder);
  {
    GemmMeasurement first(file, options);
    EXPECT_NE(error_of(file, options).find("t.csv: another measurement is writing this table"),
              std::string::npos)
        << error_of(file, options);
    EXPECT_EQ(first.run({}, {}).shapes, 3U);
    EXPECT_EQ(GemmMeasurement(file, options).run({}, {}).rows, 0U) << "all there";
    EXPECT_THROW((void)first.run({}, {}), Error) << "the file is no longer its own";
  }
  // Threads that all begin a new file, as processes do: who is refused leaves it alone.
  const std::string fresh = folder.path() + "/u.csv";
  std::atomic<std::size_t> rows = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      try {
        rows += GemmMeasurement(fresh, options).run({}, {}).rows;
      } catch (const Error&) {
      }
    });
  for (std::thread& thread : threads) thread.join();
  const GemmTable table = read_gemm_table(fresh);
  std::set<std::pair<GemmShape, GemmConfig>> distinct;
  for (const GemmRun& run : table.runs) distinct.insert({run.shape, run.config});
  EXPECT_EQ(table.runs.size(), rows);
  EXPECT_EQ(distinct.size(), table.runs.size()) << "nothing was measured twice";
}

TEST(GemmMeasurement, OnlyARegularFileIsATable) {
  const ScratchFolder folder("hone-test");
  const GemmMeasureOptions options = small_measurement(folder);
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(error_of(pipe, options).find("pipe: is no regular file"), std::string::npos)
      << error_of(pipe, options);
  EXPECT_NE(error_of("/dev/null", options).find("is no regular file"), std::string::npos);
  EXPECT_NE(error_of(folder.path(), options).find("is a folder"), std::string::npos);
  EXPECT_NE(error_of(folder.path() + "/no/t.csv", options).find("cannot be written: No such file"),
            std::string::npos)
      << error_of(folder.path() + "/no/t.csv", options);
}

/// Files of this process end at so many bytes while it lives, as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(GemmMeasurement, AFullDiskLeavesNoPartOfAShape) {
  const ScratchFolder folder("hone-test");
  const std::string file = folder.path() + "/t.csv";
  GemmMeasureOptions options = small_measurement(folder);
  const auto error_with = [&](std::size_t bytes) {
    GemmMeasurement measurement(file, options);
    try {
      const FullDisk full(bytes);
      (void)measurement.run({}, {});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::size_t header = gemm_table_header(false).size();
  EXPECT_NE(error_with(header + 70).find("t.csv' cannot be written: File too large"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(file)) << "nothing is in it";
  options.shapes = 1;
  EXPECT_EQ(GemmMeasurement(file, options).run({}, {}).shapes, 1U);
  const std::string before = read_file(file);
  options.shapes = 2;
  EXPECT_NE(error_with(before.size() + 100).find("File too large"), std::string::npos);
  EXPECT_EQ(read_file(file), before);
}

TEST(GemmMeasurement, PowerIsTheCountersOrNothing) {
  const ScratchFolder folder("hone-test");
  const std::string zone = folder.path() + "/intel-rapl:0";
  std::filesystem::create_directories(zone);
  std::ofstream(zone + "/name") << "package-0";
  std::ofstream(zone + "/max_energy_range_uj") << "262143328850";
  std::ofstream(zone + "/energy_uj") << 1000;
  GemmMeasureOptions options = small_measurement(folder);
  options.energy.powercap = folder.path();
  options.shapes = 1;
  options.configs = 2;
  options.power_seconds = 0.05;
  const std::string file = folder.path() + "/t.csv";
  // Somebody draws power: the counter runs.
  std::atomic<bool> done = false;
  std::thread counter([&] {
    for (long joules = 1; !done; ++joules) {
      std::ofstream(zone + "/energy_new") << joules * 100000;
      std::filesystem::rename(zone + "/energy_new", zone + "/energy_uj");
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  GemmMeasurement measurement(file, options);
  EXPECT_TRUE(measurement.power());
  const auto outcome = measurement.run({}, {});
  done = true;
  counter.join();
  const GemmTable table = read_gemm_table(file);
  ASSERT_EQ(table.runs.size(), outcome.rows);
  EXPECT_TRUE(table.power);
  for (const GemmRun& run : table.runs) EXPECT_GT(run.power_w, 0.0);
  options.energy.powercap = folder.path() + "/none";
  EXPECT_THROW(GemmMeasurement(file, options), Error) << "the rest would be without it";
}

TEST(GemmMeasurement, PlansAreTheSameAtASeed) {
  GemmMeasureOptions options;
  for (std::size_t i = 0; i < 30; ++i) {
    const GemmShape shape = planned_shape(options, i);
    EXPECT_EQ(shape, planned_shape(options, i));
    EXPECT_LE(2.0 * static_cast<double>(shape.m * shape.n * shape.k), options.most_flops);
    EXPECT_GE(std::min({shape.m, shape.n, shape.k}), options.least);
    EXPECT_LE(std::max({shape.m, shape.n, shape.k}), options.largest);
    const auto configs = planned_configs(options, shape, i);
    EXPECT_EQ(configs.front(), cpu_gemm_default(options.type));
    EXPECT_EQ(std::set<GemmConfig>(configs.begin(), configs.end()).size(), configs.size());
    EXPECT_LE(configs.size(), options.configs);
  }
}

}  // namespace
}  // namespace hone::cost
