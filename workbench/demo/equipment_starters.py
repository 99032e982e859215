"""Starter Prompt Templates about the condition of equipment: maintenance, calibration, remaining life."""

from __future__ import annotations

from typing import Any

from workbench.demo.schemas import answer, inputs, list_of, number, one_of, share, text


def predictive_maintenance() -> dict[str, Any]:
    return {
        "name": "Predictive maintenance",
        "label_type": "classification",
        "description": "Estimates from telemetry how likely a unit is to fail within 30 days, and what to "
        "do.",
        "system_prompt": (
            "You are a reliability engineer for air samplers, pumps and area monitors. Estimate the "
            "probability "
            "that the unit fails within 30 days. Compare the readings with the unit's own baseline rather "
            "than "
            "with the fleet; weigh a trend more than a single value, and time since service more than age. "
            "Name one failure mode that the readings support. Recommend the least work that removes the "
            "risk. "
            "Below 0.2 is normal operation, from 0.6 plan work this week. Answer with JSON only."
        ),
        "user_prompt": (
            "Unit {{ equipment_id }} ({{ equipment_type }}), {{ operating_hours }} h in operation, "
            "{{ days_since_service }} days since service.\n"
            "Vibration {{ vibration_mm_s }} mm/s (baseline {{ vibration_baseline_mm_s }}), bearing "
            "temperature "
            "{{ bearing_temperature_c }} °C, motor current {{ motor_current_a }} A, flow {{ flow_l_min }} "
            "l/min.\n"
            "Alarms of the last 30 days: {{ recent_alarms }}"
        ),
        "file_columns": [],
        "input_schema": inputs(
            equipment_id=("string", "Identifier of the unit"),
            equipment_type=("string", "Kind of equipment"),
            operating_hours=("number", "Hours in operation"),
            days_since_service=("integer", "Days since the last service"),
            vibration_mm_s=("number", "Vibration velocity in mm/s, mean of 24 hours"),
            vibration_baseline_mm_s=("number", "The same when new or after service"),
            bearing_temperature_c=("number", "Bearing temperature in degrees Celsius"),
            motor_current_a=("number", "Motor current in amperes"),
            flow_l_min=("number", "Flow in litres per minute"),
            recent_alarms=("string", "Alarms of the last 30 days"),
        ),
        "output_schema": answer(
            {
                "failure_probability": share("Probability of failure within 30 days"),
                "failure_mode": one_of(
                    (
                        "none",
                        "bearing_wear",
                        "filter_blockage",
                        "seal_leak",
                        "motor_overload",
                        "sensor_drift",
                    ),
                    "The failure the readings point to",
                ),
                "action": one_of(
                    ("continue", "inspect", "schedule_service", "stop_now"),
                    "Least work that removes the risk",
                ),
                "reason": text("The readings that decided, with numbers", maxLength=400),
            }
        ),
        "temperature": 0.0,
        "max_tokens": 300,
        "examples": [
            {
                "input": {
                    "equipment_id": "AS-118",
                    "equipment_type": "continuous air sampler",
                    "operating_hours": 15200,
                    "days_since_service": 410,
                    "vibration_mm_s": 6.9,
                    "vibration_baseline_mm_s": 2.1,
                    "bearing_temperature_c": 81,
                    "motor_current_a": 3.4,
                    "flow_l_min": 56,
                    "recent_alarms": "high vibration, three times",
                },
                "output": {
                    "failure_probability": 0.72,
                    "failure_mode": "bearing_wear",
                    "action": "schedule_service",
                    "reason": "Vibration is 3.3 times its baseline with a hot bearing (81 °C); flow is "
                    "still normal.",
                },
            },
            {
                "input": {
                    "equipment_id": "AS-121",
                    "equipment_type": "continuous air sampler",
                    "operating_hours": 3900,
                    "days_since_service": 60,
                    "vibration_mm_s": 2.2,
                    "vibration_baseline_mm_s": 2.0,
                    "bearing_temperature_c": 48,
                    "motor_current_a": 3.1,
                    "flow_l_min": 57,
                    "recent_alarms": "none",
                },
                "output": {
                    "failure_probability": 0.04,
                    "failure_mode": "none",
                    "action": "continue",
                    "reason": "Vibration within 10 % of baseline, bearing cool, flow nominal, serviced 60 "
                    "days ago.",
                },
            },
        ],
    }


def calibration_insights() -> dict[str, Any]:
    return {
        "name": "Calibration insights",
        "label_type": "generation",
        "description": "Turns Monte Carlo results and a measured calibration into recommendations.",
        "system_prompt": (
            "You are a calibration physicist. Compare the simulated response with the measured one. The "
            "difference matters when it exceeds the combined expanded uncertainty (k = 2): combine the "
            "standard "
            "uncertainties in quadrature and double them. Say which cause is most plausible: geometry, "
            "source "
            "activity, dead time, energy threshold or cross-section data. Dead time grows with rate; "
            "geometry "
            "shifts all energies alike; a threshold error shows at low energy only. Recommend at most three "
            "steps, the cheapest informative one first. Do not recommend a new factor while the "
            "difference is "
            "within uncertainty. Answer with JSON only."
        ),
        "user_prompt": (
            "Detector {{ detector_model }}, serial {{ serial_number }}, source {{ source_nuclide }}.\n"
            "Simulated response {{ simulated_response }} ± {{ simulated_uncertainty_pct }} % (k = 1, "
            "{{ histories }} histories).\nMeasured response {{ measured_response }} ± "
            "{{ measured_uncertainty_pct }} % (k = 1).\nCurrent factor {{ calibration_factor }}, "
            "set on {{ calibrated_on }}.\nNotes: {{ notes }}"
        ),
        "file_columns": [],
        "input_schema": inputs(
            detector_model=("string", "Model of the detector"),
            serial_number=("string", "Serial number"),
            source_nuclide=("string", "Nuclide of the reference source"),
            simulated_response=("number", "Simulated response in counts per second per µSv/h"),
            simulated_uncertainty_pct=("number", "Its standard uncertainty in percent"),
            histories=("integer", "Number of simulated histories"),
            measured_response=("number", "Measured response in the same unit"),
            measured_uncertainty_pct=("number", "Its standard uncertainty in percent"),
            calibration_factor=("number", "Factor in use"),
            calibrated_on=("date", "Day the factor was set"),
            notes=("string", "Remarks of the laboratory"),
        ),
        "output_schema": answer(
            {
                "deviation_pct": number("(measured - simulated) / simulated, in percent"),
                "is_significant": {
                    "type": "boolean",
                    "description": "Whether it exceeds the expanded uncertainty, k = 2",
                },
                "likely_cause": one_of(
                    (
                        "none",
                        "geometry",
                        "source_activity",
                        "dead_time",
                        "energy_threshold",
                        "cross_section_data",
                    ),
                    "Most plausible cause",
                ),
                "recommendations": list_of(
                    text("One step"), "Steps, cheapest informative one first", maxItems=3
                ),
            }
        ),
        "temperature": 0.1,
        "max_tokens": 400,
        "examples": [
            {
                "input": {
                    "detector_model": "NaI 2x2",
                    "serial_number": "D-330",
                    "source_nuclide": "Cs-137",
                    "simulated_response": 900,
                    "simulated_uncertainty_pct": 1.0,
                    "histories": 50000000,
                    "measured_response": 837,
                    "measured_uncertainty_pct": 1.5,
                    "calibration_factor": 1.02,
                    "calibrated_on": "2025-02-11",
                    "notes": "holder replaced last week, same shift at Am-241",
                },
                "output": {
                    "deviation_pct": -7.0,
                    "is_significant": True,
                    "likely_cause": "geometry",
                    "recommendations": [
                        "Measure the distance from source to crystal in the new holder.",
                        "Repeat the measurement at two distances and compare with the inverse square law.",
                        "Rerun the simulation with the measured distance before changing the factor.",
                    ],
                },
            },
        ],
    }


def remaining_useful_life() -> dict[str, Any]:
    return {
        "name": "Remaining useful life",
        "label_type": "generation",
        "description": "Estimates from an equipment history how long a unit stays within its limits.",
        "system_prompt": (
            "You estimate the remaining useful life of radiation instruments. Useful life ends when the "
            "health "
            "measure crosses its limit, not when the unit stops. Extrapolate the trend since the last repair "
            "only; a repair starts a new one. Give a median and a range that you expect to hold the truth "
            "in eight of ten cases; fewer than four points or a scattered trend means a wide range. A "
            "unit past its limit has "
            "zero days. Name what would shorten the estimate most. Answer with JSON only."
        ),
        "user_prompt": (
            "Unit {{ equipment_id }} ({{ equipment_type }}), commissioned {{ commissioned_on }}, today {{ "
            "today }}.\n"
            "Health measure: {{ health_measure }}, limit {{ health_limit }}.\n"
            "History, oldest first: {{ health_history }}\nRepairs: {{ repairs }}\nDuty: {{ duty }}"
        ),
        "file_columns": [],
        "input_schema": inputs(
            equipment_id=("string", "Identifier of the unit"),
            equipment_type=("string", "Kind of equipment"),
            commissioned_on=("date", "First day of use"),
            today=("date", "Day of the estimate"),
            health_measure=("string", "What is measured, with its unit"),
            health_limit=("number", "Value at which useful life ends"),
            health_history=("string", "Dated values, oldest first"),
            repairs=("string", "Dated repairs"),
            duty=("string", "How the unit is used"),
        ),
        "output_schema": answer(
            {
                "median_days": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "As likely longer as shorter, in days",
                },
                "low_days": {"type": "integer", "minimum": 0, "description": "Shorter in one of ten cases"},
                "high_days": {"type": "integer", "minimum": 0, "description": "Longer in one of ten cases"},
                "main_risk": text("What would shorten it most", maxLength=200),
                "basis": text("Trend and points used, with numbers", maxLength=400),
            }
        ),
        "temperature": 0.1,
        "max_tokens": 350,
        "examples": [
            {
                "input": {
                    "equipment_id": "HPGE-04",
                    "equipment_type": "germanium detector",
                    "commissioned_on": "2021-05-10",
                    "today": "2026-04-01",
                    "health_measure": "resolution at 1332 keV in keV",
                    "health_limit": 2.4,
                    "health_history": "2025-04-01 1.90, 2025-08-01 1.98, 2025-12-01 2.07, 2026-04-01 2.15",
                    "repairs": "2025-03-15 vacuum pumped and annealed",
                    "duty": "continuous, 8 thermal cycles a year",
                },
                "output": {
                    "median_days": 365,
                    "low_days": 250,
                    "high_days": 500,
                    "main_risk": "Thermal cycles that degrade the vacuum.",
                    "basis": "Four points since the repair rise evenly by 0.25 keV in 365 days; 0.25 keV "
                    "remain to 2.4.",
                },
            },
        ],
    }
