#include "client/cli/cost_options.h"

#include <fmt/format.h>

#include "client/cli/numbers.h"

namespace bitscape::cli {

void AddReadingOptions(CLI::App* verb, v1::CostReading* reading) {
  const std::string group = "How the sources are read";
  const auto text = [&](const char* name, std::string* value, const char* help) {
    verb->add_option(name, *value, help)->group(group);
  };
  const auto number = [&](const char* name, const char* help, auto set) {
    verb->add_option_function<double>(name, set, help)->check(Positive())->group(group);
  };
  text("--node", reading->mutable_node(), "A process node, e.g. 7nm (else the machine's own)");
  number("--supply", "Volts (else nominal, or the machine's own)",
         [reading](double volts) { reading->set_supply_v(volts); });
  number("--activity", "Switching of logic and registers, up to 1 (the default)",
         [reading](double share) { reading->set_activity(share); });
  text("--registers", reading->mutable_registers(),
       "Energy of registers: aladdin (the default), or none as a bound");
  text("--areas", reading->mutable_areas(),
       "Areas of arithmetic: horowitz (the default) or gate_counts");
  text("--sram", reading->mutable_sram(),
       "Energy of SRAM: horowitz (the default), cacti_lop or cacti_hp");
  verb->add_flag_function(
          "--leakage", [reading](int64_t) { reading->set_leakage(true); },
          "Adds leakage over the latency")
      ->group(group);
}

void AddPlanOptions(CLI::App* verb, PlanOptions* options) {
  verb->add_option("--network", options->network, "The network");
  verb->add_option("--plan", options->plans, kPlanHelp)->allow_extra_args(false);
  verb->add_option("--accelerator,--accelerators", options->accelerators,
                   "The machines, with commas between them")
      ->delimiter(',')
      ->allow_extra_args(false);
}

absl::Status Require(bool given, const std::string& option, const std::string& command) {
  if (given) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{} is required (see bitscape {} --help)", option, command));
}

}  // namespace bitscape::cli
