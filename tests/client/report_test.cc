#include "client/cli/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitscape::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::Trial MakeTrial(const std::string& name, double accuracy, double energy_pj) {
  v1::Trial trial;
  trial.set_name(name);
  trial.set_plan("weights=int4,activations=int4,accumulator=int32");
  trial.set_accelerator("accelerators/eyeriss_like");
  trial.set_state(v1::Trial::SUCCEEDED);
  trial.mutable_metrics()->set_accuracy(accuracy);
  trial.mutable_metrics()->set_energy_pj(energy_pj);
  trial.mutable_metrics()->set_images(10000);
  trial.mutable_metrics()->set_split("test");
  return trial;
}

ReportData MakeData() {
  ReportData data;
  data.sweep.set_name("sweeps/a");
  data.sweep.mutable_spec()->set_display_name("Formats <of> resnet8");
  data.sweep.mutable_spec()->set_network("networks/resnet8");
  data.sweep.mutable_spec()->add_accelerators("accelerators/eyeriss_like");
  *data.trials.add_trials() = MakeTrial("sweeps/a/trials/t000000", 0.9123, 2e6);
  *data.trials.add_trials() = MakeTrial("sweeps/a/trials/t000001", 0.85, 1e6);
  v1::Trial& infeasible = *data.trials.add_trials();
  infeasible = MakeTrial("sweeps/a/trials/t000002", 0, 0);
  infeasible.set_state(v1::Trial::INFEASIBLE);
  infeasible.set_reason("17-bit weights do not fit");
  data.sweep.mutable_progress()->set_trials(3);
  data.sweep.mutable_progress()->set_infeasible(1);
  for (int i = 0; i < 2; ++i) {
    v1::FrontPoint& point = *data.front.add_points();
    point.set_trial(data.trials.trials(i).name());
    point.set_plan(data.trials.trials(i).plan());
    *point.mutable_metrics() = data.trials.trials(i).metrics();
  }
  data.energy_accuracy = data.front;
  return data;
}

TEST(Report, ShowsFrontPlotsTrialsAndReasons) {
  const std::string html = RenderReport(MakeData());
  EXPECT_THAT(html, HasSubstr("<title>Formats &lt;of&gt; resnet8</title>"));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, HasSubstr("91.23%"));
  EXPECT_THAT(html, HasSubstr("17-bit weights do not fit"));
  EXPECT_THAT(html, HasSubstr("1 of 3 trials can&#39;t run on their machine: 17-bit weights do not "
                              "fit</p>"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
}

TEST(Report, AsksNothingOfTheNetwork) {
  const std::string html = RenderReport(MakeData());
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("src=")));
}

TEST(Report, SaysThatNothingHasSucceeded) {
  ReportData data;
  data.sweep.set_name("sweeps/empty");
  EXPECT_THAT(RenderReport(data), HasSubstr("No trial has succeeded"));
}

}  // namespace
}  // namespace bitscape::cli
