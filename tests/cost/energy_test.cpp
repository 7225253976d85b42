#include "hone/cost/energy.h"

#include <gtest/gtest.h>

#include "../program.h"
#include "hone/base/error.h"

namespace hone::cost {
namespace {

using test::Folder;

/// A folder as the kernel shows RAPL's: two packages, cores and memory below, one package twice.
struct FakePowercap {
  Folder folder;

  FakePowercap() {
    zone("intel-rapl:0", "package-0", 1000000);
    zone("intel-rapl:0:0", "core", 500000);
    zone("intel-rapl:0:1", "dram", 100000);
    zone("intel-rapl:1", "psys", 9000000);
    zone("intel-rapl-mmio:0", "package-0", 1000000);
    std::filesystem::create_directories(folder.file("intel-rapl"));
  }
  void zone(const std::string& name, const std::string& what, long long microjoules) const {
    std::filesystem::create_directories(folder.file(name));
    folder.write(name + "/name", what + "\n");
    folder.write(name + "/max_energy_range_uj", "262143328850\n");
    set(name, microjoules);
  }
  void set(const std::string& name, long long microjoules) const {
    folder.write(name + "/energy_uj", std::to_string(microjoules) + "\n");
  }
  EnergyOptions options() const {
    EnergyOptions options;
    options.powercap = folder.path();
    options.nvml = false;
    return options;
  }
};

TEST(Energy, IsReadFromPackagesAndMemoryOnly) {
  const FakePowercap fake;
  EnergyMeter meter(fake.options());
  EXPECT_TRUE(meter.measures());
  meter.start();
  fake.set("intel-rapl:0", 6000000);    // 5 J
  fake.set("intel-rapl:0:0", 4500000);  // part of the package
  fake.set("intel-rapl:0:1", 600000);   // 0.5 J
  fake.set("intel-rapl:1", 99000000);   // the whole platform
  fake.set("intel-rapl-mmio:0", 6000000);
  const Energy energy = meter.stop();
  EXPECT_TRUE(energy.measured);
  EXPECT_DOUBLE_EQ(energy.joules, 5.5);
  EXPECT_EQ(energy.source, "RAPL: package-0, dram");
  EXPECT_EQ(energy.json()["measured"], true);
}

TEST(Energy, SeesCountersWrapAround) {
  const FakePowercap fake;
  fake.set("intel-rapl:0", 262143328850 - 2000000);
  EnergyMeter meter(fake.options());
  meter.start();
  fake.set("intel-rapl:0", 3000000);
  meter.lap();
  fake.set("intel-rapl:0", 4000000);
  EXPECT_DOUBLE_EQ(meter.stop().joules, 6.0);
  meter.start();
  EXPECT_DOUBLE_EQ(meter.stop().joules, 0.0);
}

TEST(Energy, IsModelledWhereNothingIsMeasured) {
  const Folder folder;
  EnergyOptions options;
  options.powercap = folder.file("none");
  options.nvml = false;
  options.power_w = 50.0;
  EnergyMeter stated(options);
  EXPECT_FALSE(stated.measures());
  EXPECT_EQ(stated.without_rapl(), "there is none");
  const Energy energy = stated.stop();
  EXPECT_FALSE(energy.measured);
  EXPECT_DOUBLE_EQ(energy.joules, 50.0 * energy.seconds);
  EXPECT_NE(energy.source.find("modelled: 50 W"), std::string::npos);
  EXPECT_NE(energy.source.find("stated by the user"), std::string::npos);
  options.power_w = 0.0;
  folder.write("cpuinfo",
               "model name\t: AMD EPYC 7742 64-Core Processor\nphysical id\t: 0\nphysical id\t: 1\n");
  options.cpuinfo = folder.file("cpuinfo");
  EXPECT_NE(EnergyMeter(options).stop().source.find("450 W"), std::string::npos) << "two sockets";
  EXPECT_THROW(modelled_energy(1.0, 0.0, "nobody"), Error);
}

TEST(Energy, SaysWhatItKnowsOfAProcessor) {
  EXPECT_DOUBLE_EQ(processor_power("model name : Intel(R) Xeon(R) Platinum 8480+\n").watts, 350.0);
  const StatedPower kind = processor_power("model name : Intel(R) Xeon(R) Silver 9999\n");
  EXPECT_NE(kind.source.find("usual"), std::string::npos);
  EXPECT_NE(processor_power("").source.find("guess"), std::string::npos);
}

TEST(Energy, OfThisMachineIsMeasuredOrModelled) {
  EnergyMeter meter;
  meter.start();
  // Longer than a counter takes to move: a millisecond for RAPL, a tenth of a second for a GPU's.
  const double begun = test::seconds();
  while (test::seconds() < begun + 0.25) {
  }
  const Energy energy = meter.stop();
  EXPECT_GE(energy.seconds, 0.25);
  EXPECT_GT(energy.joules, 0.0);
  EXPECT_EQ(energy.measured, energy.source.find("modelled") == std::string::npos);
  EXPECT_EQ(energy.measured, meter.measures());
}

}  // namespace
}  // namespace hone::cost
