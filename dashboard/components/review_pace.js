// How far a queue is, in words: decided, left, how fast and for how long.

export function progress(decided, total, left, times) {
  const parts = [`${decided.toLocaleString("en")} of ${total.toLocaleString("en")} decided`, `${left.toLocaleString("en")} left`];
  const pace = rate(times);
  if (pace > 0) parts.push(`${pace < 10 ? pace.toFixed(1) : Math.round(pace)} a minute`, duration(left / pace));
  return parts.join(" · ");
}

// Decisions a minute over the last ones; 0 as long as that cannot be said.
function rate(times) {
  if (times.length < 3) return 0;
  const seconds = (times[times.length - 1] - times[0]) / 1000;
  return seconds > 0 ? ((times.length - 1) * 60) / seconds : 0;
}

function duration(minutes) {
  if (!Number.isFinite(minutes)) return "–";
  if (minutes < 1) return "under a minute left";
  if (minutes < 90) return `about ${Math.round(minutes)} min left`;
  return `about ${(minutes / 60).toFixed(1)} h left`;
}
