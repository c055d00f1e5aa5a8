# Made measurements of a greenhouse, one an hour, as CSV: awk -f sensor.awk > sensor.csv
#
# The temperature follows the sun and the weather, and the heating, which is off on Sundays. A sensor fails now and then.

function random() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function normal(  i, sum) { sum = 0; for (i = 0; i < 12; i++) sum += random(); return sum - 6 }

BEGIN {
  state = seed ? seed : 7
  if (!days) days = 150
  split("31 28 31 30 31 30 31 31 30 31 30 31", length_of, " ")
  month = 3; day = 1; weekday = 6  # Saturday, 1 March 2025
  temperature = 12
  print "time,temperature,humidity,heating"
  for (d = 0; d < days; d++) {
    cloud = 0.8 * cloud + 0.6 * normal()
    for (hour = 0; hour < 24; hour++) {
      sun = sin((hour - 6) / 12 * 3.14159265); if (sun < 0) sun = 0
      sun *= 1 - 0.4 / (1 + exp(-cloud))
      heating = (weekday != 0 && hour >= 5 && hour < 9) ? 1 : 0
      outside = 6 + d / 15 + 8 * sun
      temperature += 0.25 * (outside + 9 * sun + 10 * heating - temperature) + 0.3 * normal()
      humidity = 85 - 1.3 * temperature + 2 * normal()
      shown = sprintf("%.1f", temperature)
      if (random() < 0.004) missing = 1 + int(random() * 5)
      if (missing > 0) { shown = ""; missing-- }
      printf "2025-%02d-%02d %02d:00,%s,%.0f,%d\n", month, day, hour, shown, humidity, heating
    }
    weekday = (weekday + 1) % 7
    if (++day > length_of[month]) { day = 1; month++ }
  }
}
